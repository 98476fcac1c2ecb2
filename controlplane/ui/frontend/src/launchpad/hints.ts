// What can be seen to be wrong while somebody types, before anybody is asked: values that do not have their type.
import { isTable, scalarKind, type Json, type Path, type Problem, type Types } from "./types.ts";

const MOST = 50;
const DEEPEST = 64;

export function hints(types: Types, root: string, config: Json): Problem[] {
  const found: Problem[] = [];
  look(types, root, config, [], found);
  return found;
}

function look(types: Types, id: string, value: Json, path: Path, found: Problem[]): void {
  const type = types[id];
  if (!type || found.length >= MOST || path.length > DEEPEST) return;
  const say = (message: string) => void found.push({ path, message });
  const inner = type.type_params?.at(-1) ?? "";
  switch (type.kind) {
    case "SCALAR":
      if (!isScalar(scalarKind(type), value)) say(`This must be ${WANTED[scalarKind(type)] ?? "of another type"}.`);
      return;
    case "ENUM":
      if (typeof value !== "string" || !(type.enum ?? []).includes(value)) say(`This must be one of ${(type.enum ?? []).join(", ")}.`);
      return;
    case "NONEABLE":
      if (value !== null) look(types, inner, value, path, found);
      return;
    case "SCALAR_UNION":
      return look(types, (typeof value === "object" ? inner : type.type_params?.[0]) ?? "", value, path, found);
    case "ARRAY":
      if (!Array.isArray(value)) return say("This must be a list: [ … ].");
      return value.forEach((item, index) => look(types, inner, item, [...path, String(index)], found));
    case "MAP":
      if (!isTable(value)) return say("This must be a table: { … }.");
      return Object.entries(value).forEach(([name, item]) => look(types, inner, item, [...path, name], found));
    case "SELECTOR":
    case "STRICT_SHAPE":
    case "PERMISSIVE_SHAPE":
      return lookInside(types, id, value, path, found);
  }
}

function lookInside(types: Types, id: string, value: Json, path: Path, found: Problem[]): void {
  const type = types[id];
  const fields = new Map((type?.fields ?? []).map((field) => [field.name, field]));
  if (!isTable(value)) {
    // A selector takes the name of its choice alone, and a table without required fields takes null.
    const fits = value === null || (type?.kind === "SELECTOR" && typeof value === "string" && fields.has(value));
    if (!fits) found.push({ path, message: "This must be a table: { … }." });
    return;
  }
  for (const [name, item] of Object.entries(value)) {
    const field = fields.get(name);
    if (field) look(types, field.type, item, [...path, name], found);
    else if (type?.kind !== "PERMISSIVE_SHAPE") found.push({ path: [...path, name], message: `There is no field ${name} here.` });
  }
}

const WANTED: Record<string, string> = { INT: "a whole number", FLOAT: "a number", STRING: "a text", BOOL: "true or false" };

function isScalar(kind: string, value: Json): boolean {
  if (kind === "INT") return typeof value === "number" && Number.isInteger(value);
  if (kind === "FLOAT") return typeof value === "number";
  if (kind === "STRING") return typeof value === "string";
  return kind === "BOOL" ? typeof value === "boolean" : true;
}
