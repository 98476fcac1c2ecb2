// Config types as the manifest has them, and what follows from one: its words, a blank value, what its defaults are.
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
// Undefined: not given at all.
export type Value = Json | undefined;
export type Path = string[];

export interface Problem {
  path: Path;
  message: string;
}

export interface ConfigField {
  name: string;
  type: string;
  required: boolean;
  default: string | null;
  description: string | null;
}

export interface ConfigType {
  kind: string;
  given_name: string | null;
  description: string | null;
  scalar: string | null;
  enum: string[] | null;
  type_params: string[] | null;
  fields: ConfigField[] | null;
  // Fields were left out because they belong to what is not selected.
  narrowed?: boolean;
}

export type Types = Record<string, ConfigType>;

// Types may be recursive: words end below this depth.
const DEEPEST = 8;

// What stands for a value that has to be there and was not given yet. No number and no choice is made up.
export function blank(types: Types, id: string): Json {
  switch (types[id]?.kind) {
    case "ARRAY":
      return [];
    case "NONEABLE":
      return null;
    case "SCALAR":
    case "ENUM":
    case "SCALAR_UNION":
      return "";
    default:
      return {};
  }
}

export function scalarKind(type: ConfigType): string {
  return (type.scalar ?? type.given_name ?? "").toUpperCase();
}

// Whether it is edited in one line, with a label before it.
export function isSimple(types: Types, id: string): boolean {
  const type = types[id];
  if (type?.kind === "NONEABLE") return isSimple(types, type.type_params?.at(-1) ?? "");
  if (type?.kind === "SCALAR") return SCALAR_WORDS[scalarKind(type)] !== undefined;
  return type?.kind === "ENUM" || type?.kind === "SCALAR_UNION";
}

// A table that takes nothing at all.
export function isBare(types: Types, id: string, depth = 0): boolean {
  const type = types[id];
  return type?.kind === "STRICT_SHAPE" && depth <= DEEPEST && (type.fields ?? []).every((field) => isBare(types, field.type, depth + 1));
}

// Whether there is more to fill in than JSON.
export function hasForm(types: Types, id: string, depth = 0): boolean {
  const type = types[id];
  if (!type || type.kind === "ANY" || depth > DEEPEST) return false;
  if (!type.fields) return type.kind !== "SCALAR" || isSimple(types, id);
  return type.fields.some((field) => hasForm(types, field.type, depth + 1));
}

const SCALAR_WORDS: Record<string, string> = { INT: "whole number", FLOAT: "number", STRING: "text", BOOL: "true or false" };

export function typeWord(types: Types, id: string, depth = 0): string {
  const type = types[id];
  const inner = (index: number) => (depth > DEEPEST ? "any value" : typeWord(types, type?.type_params?.at(index) ?? "", depth + 1));
  switch (type?.kind) {
    case "SCALAR":
      return SCALAR_WORDS[scalarKind(type)] ?? "any value";
    case "ENUM":
      return "choice";
    case "ARRAY":
      return `list of ${inner(-1)}`;
    case "MAP":
      return `map to ${inner(-1)}`;
    case "NONEABLE":
      return `${inner(-1)} or null`;
    case "SCALAR_UNION":
      return inner(0);
    case "SELECTOR":
      return "one of";
    case "STRICT_SHAPE":
    case "PERMISSIVE_SHAPE":
      return "";
    default:
      return "any value";
  }
}

// The default as a placeholder shows it.
export function defaultText(field: ConfigField): string {
  try {
    const value = JSON.parse(field.default ?? "null") as Json;
    return typeof value === "string" ? value : value === null || isEmpty(value) ? "" : JSON.stringify(value);
  } catch {
    // Defaults of a user's own serialization are shown as they are.
    return field.default ?? "";
  }
}

export function isTable(value: Value): value is Record<string, Json> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isEmpty(value: Value): boolean {
  return value === undefined || (typeof value === "object" && value !== null && Object.keys(value).length === 0);
}
