// From a config type and a value to a form. Every editor tells its new value upwards; a change of structure draws its part again.
import { h } from "../dom.ts";
import { choice, rawEditor, scalarEditor, smallButton, type Place } from "./scalars.ts";
import { blank, defaultText, hasForm, isBare, isEmpty, isSimple, isTable, typeWord, type ConfigField, type ConfigType, type Json, type Types, type Value } from "./types.ts";

const FEW = 8;

type Draw = (types: Types, type: ConfigType, place: Place) => HTMLElement;

export function editor(types: Types, place: Place): HTMLElement {
  const type = types[place.type];
  const draw = EDITORS[type?.kind ?? ""];
  return type && draw ? draw(types, type, place) : rawEditor(place);
}

const EDITORS: Record<string, Draw> = {
  SCALAR: (_types, type, place) => (typeof place.value === "object" ? rawEditor(place) : scalarEditor(type, place)),
  ENUM: (_types, type, place) => choice(place, type.enum ?? [], (text) => text),
  NONEABLE: nullable,
  SCALAR_UNION: union,
  ARRAY: list,
  MAP: map,
  SELECTOR: selector,
  STRICT_SHAPE: shape,
  PERMISSIVE_SHAPE: shape,
};

// Drawn anew whenever its own structure changes.
function redrawn(place: Place, draw: (now: Place) => HTMLElement): HTMLElement {
  const box = h("div", { class: "config-part" });
  const show = (value: Value) => box.replaceChildren(draw({ ...place, value, change: set }));
  const set = (value: Value) => {
    place.change(value);
    show(value);
  };
  show(place.value);
  return box;
}

function nullable(types: Types, type: ConfigType, place: Place): HTMLElement {
  const inner = type.type_params?.at(-1) ?? "";
  return redrawn(place, (now) => {
    if (now.value === null) return h("div", { class: "config-line" }, h("code", {}, "null"), smallButton("Set a value", () => now.change(undefined)));
    // The inner editor changes its value without being drawn again: its focus stays.
    const toNull = smallButton("null", () => now.change(null), `Set ${place.path.join(" ")} to null`);
    return h("div", { class: "config-line" }, editor(types, { ...place, type: inner, value: now.value }), toNull);
  });
}

// A scalar, or a table that says where to take one from, such as {"env": "NAME"}.
function union(types: Types, type: ConfigType, place: Place): HTMLElement {
  const [scalar = "", elsewhere = ""] = type.type_params ?? [];
  const fields = types[elsewhere]?.fields ?? [];
  const word = fields.length === 1 ? (fields[0]?.name ?? "") : "other";
  let isElsewhere = typeof place.value === "object";
  return redrawn(place, (now) => {
    const toggle = () => {
      isElsewhere = !isElsewhere;
      now.change(undefined);
    };
    const button = smallButton(word, toggle, `Give ${place.path.join(" ")} as ${word}`);
    button.setAttribute("aria-pressed", String(isElsewhere));
    return h("div", { class: "config-line" }, editor(types, { ...place, type: isElsewhere ? elsewhere : scalar, value: now.value }), button);
  });
}

function list(types: Types, type: ConfigType, place: Place): HTMLElement {
  const inner = type.type_params?.at(-1) ?? "";
  return redrawn(place, (now) => {
    if (now.value !== undefined && !Array.isArray(now.value)) return rawEditor(place);
    const items = [...(now.value ?? [])];
    const box = h("div", { class: "config-list" });
    items.forEach((item, index) => {
      const change = (next: Value) => {
        items[index] = next ?? blank(types, inner);
        place.change([...items]);
      };
      const one = editor(types, { type: inner, value: item, path: [...place.path, String(index)], standard: "", required: true, change });
      const remove = smallButton("Remove", () => now.change(orNothing(items.filter((_, other) => other !== index), place)), `Remove entry ${index + 1}`);
      box.append(h("div", { class: "config-line" }, one, remove));
    });
    box.append(smallButton("Add an entry", () => now.change([...items, blank(types, inner)])));
    return box;
  });
}

function map(types: Types, type: ConfigType, place: Place): HTMLElement {
  const inner = type.type_params?.at(-1) ?? "";
  return redrawn(place, (now) => {
    if (now.value !== undefined && !isTable(now.value)) return rawEditor(place);
    const table = { ...now.value };
    const box = h("div", { class: "config-list" });
    for (const name of Object.keys(table)) box.append(entryRow(types, inner, name, table, place, now));
    box.append(newEntry((name) => now.change({ ...table, [name]: table[name] ?? blank(types, inner) })));
    return box;
  });
}

function selector(types: Types, type: ConfigType, place: Place): HTMLElement {
  const fields = type.fields ?? [];
  // One choice alone needs no choosing.
  const only = fields.length === 1 ? fields[0] : undefined;
  if (only && isSimple(types, only.type)) {
    const change = (next: Value) => place.change(next === undefined ? undefined : { [only.name]: next });
    const value = isTable(place.value) ? place.value[only.name] : undefined;
    return editor(types, { ...place, type: only.type, value, path: [...place.path, only.name], standard: "", change });
  }
  return redrawn(place, (now) => {
    // The name of a choice alone means that choice, without config.
    const given = typeof now.value === "string" ? { [now.value]: {} } : isTable(now.value) ? now.value : {};
    const name = Object.keys(given)[0] ?? "";
    const field = fields.find((one) => one.name === name);
    const pick = (chosen: Value) => {
      const next = fields.find((one) => one.name === chosen);
      now.change(next ? { [next.name]: blank(types, next.type) } : place.required ? {} : undefined);
    };
    const names = choice({ ...place, value: name || undefined, change: pick }, fields.map((one) => one.name), (text) => text);
    const change = (next: Value) => place.change({ [name]: next ?? blank(types, field?.type ?? "") });
    const inner = field && !isBare(types, field.type) && editor(types, { type: field.type, value: given[name], path: [...place.path, name], standard: defaultText(field), required: true, change });
    return h("div", { class: "config-selector" }, names, inner);
  });
}

function shape(types: Types, type: ConfigType, place: Place): HTMLElement {
  return redrawn(place, (now) => {
    if (now.value !== undefined && !isTable(now.value)) return rawEditor(place);
    const table = { ...now.value };
    const fields = type.fields ?? [];
    const box = h("div", { class: "config-shape" });
    const shown = inOrder(fields).filter((field) => field.name in table || !isBare(types, field.type));
    for (const field of shown) box.append(fieldRow(types, field, table, place, shown.length));
    const known = new Set(fields.map((field) => field.name));
    for (const name of Object.keys(table)) if (!known.has(name)) box.append(entryRow(types, "", name, table, place, now));
    if (type.kind === "PERMISSIVE_SHAPE" && !type.narrowed) box.append(newEntry((name) => now.change({ ...table, [name]: table[name] ?? "" })));
    if (!box.childElementCount) box.append(h("span", { class: "muted small" }, "Nothing to configure"));
    return box;
  });
}

// What has to be given comes first, then the ops: that is what people are here for.
function inOrder(fields: ConfigField[]): ConfigField[] {
  const rank = (field: ConfigField) => (field.required ? 0 : field.name === "ops" ? 1 : 2);
  return [...fields].sort((one, other) => rank(one) - rank(other));
}

function fieldRow(types: Types, field: ConfigField, table: Record<string, Json>, place: Place, siblings: number): HTMLElement {
  const path = [...place.path, field.name];
  const change = (next: Value) => {
    const keep = next !== undefined && (field.required || !isEmpty(next) || !isSimpleTable(types, field));
    if (keep) table[field.name] = next;
    else delete table[field.name];
    place.change(orNothing({ ...table }, place));
  };
  const inner: Place = { type: field.type, value: table[field.name], path, standard: defaultText(field), required: field.required, change };
  return isSimple(types, field.type) ? lineRow(types, field, inner) : groupRow(types, field, inner, siblings);
}

function lineRow(types: Types, field: ConfigField, place: Place): HTMLElement {
  const control = editor(types, place);
  const target = control.matches("[id]") ? control : control.querySelector("[id]");
  const label = h("label", { class: "config-name", for: target?.id ?? null }, h("span", { class: "mono" }, field.name), note(types, field));
  return h("div", { class: "config-field", "data-field": JSON.stringify(place.path) }, label, h("div", { class: "config-control" }, control, about(field)));
}

// Closed until somebody looks, unless something has to be or was given, or it is the config of few ops: a job of a thousand stays quick.
function groupRow(types: Types, field: ConfigField, place: Place, siblings: number): HTMLElement {
  const body = h("div", { class: "config-body" });
  const draw = () => void (body.childElementCount || body.append(editor(types, place)));
  const isOps = place.path[0] === "ops" && place.path.length <= 3 && siblings <= FEW && hasForm(types, field.type);
  const open = field.required || !isEmpty(place.value) || isOps;
  const summary = h("summary", { "data-path": JSON.stringify(place.path) }, h("span", { class: "mono" }, field.name), note(types, field));
  const group = h("details", { class: "config-group", "data-field": JSON.stringify(place.path), open, ontoggle: draw }, summary, about(field), body);
  if (open) draw();
  return group;
}

function entryRow(types: Types, inner: string, name: string, table: Record<string, Json>, place: Place, now: Place): HTMLElement {
  const path = [...place.path, name];
  const change = (next: Value) => {
    table[name] = next ?? blank(types, inner);
    place.change({ ...table });
  };
  const remove = smallButton("Remove", () => now.change(orNothing(Object.fromEntries(Object.entries(table).filter(([other]) => other !== name)), place)), `Remove ${name}`);
  const control = editor(types, { type: inner, value: table[name], path, standard: "", required: true, change });
  return h("div", { class: "config-field", "data-field": JSON.stringify(path) }, h("span", { class: "config-name mono" }, name), h("div", { class: "config-control config-line" }, control, remove));
}

function newEntry(add: (name: string) => void): HTMLElement {
  const input = h("input", { class: "input", type: "text", placeholder: "name", "aria-label": "Name of the new entry", autocomplete: "off", spellcheck: "false" });
  const act = () => void (input.value.trim() && add(input.value.trim()));
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    act();
  });
  return h("div", { class: "config-line" }, input, smallButton("Add", act));
}

function note(types: Types, field: ConfigField): HTMLElement {
  const word = typeWord(types, field.type);
  return h("span", { class: "muted small" }, word, field.required ? h("span", { class: "config-required" }, word ? ", required" : "required") : null);
}

function about(field: ConfigField): HTMLElement | null {
  return field.description ? h("div", { class: "field-note wrap-any" }, field.description.slice(0, 600)) : null;
}

// A table that nobody filled in is not given, unless it has to be.
function isSimpleTable(types: Types, field: ConfigField): boolean {
  return /SHAPE$/.test(types[field.type]?.kind ?? "");
}

function orNothing(value: Json, place: Place): Value {
  return isEmpty(value) && !place.required ? undefined : value;
}
