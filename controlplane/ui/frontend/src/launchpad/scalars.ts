// Editors of single values. What is not given stays away: an emptied input means "not given", never an empty text or a zero.
import { h } from "../dom.ts";
import { scalarKind, type ConfigType, type Json, type Path, type Value } from "./types.ts";

export interface Place {
  type: string;
  value: Value;
  path: Path;
  // What holds when nothing is given.
  standard: string;
  required: boolean;
  change: (value: Value) => void;
}

let ids = 0;

export function attributesOf(place: Place): Record<string, string> {
  ids += 1;
  return { id: `config-${ids}`, "data-path": JSON.stringify(place.path), "aria-label": place.path.join(" ") };
}

export function scalarEditor(type: ConfigType, place: Place): HTMLElement {
  const kind = scalarKind(type);
  if (kind === "BOOL") return choice(place, ["true", "false"], (text) => text === "true");
  if (kind === "INT" || kind === "FLOAT") return numberEditor(kind, place);
  return typeof place.value === "string" && place.value.includes("\n") ? longText(place) : shortText(place);
}

export function choice(place: Place, options: string[], read: (text: string) => Json): HTMLElement {
  const chosen = place.value === undefined ? "" : String(place.value);
  const none = place.required && !place.standard ? "Choose…" : place.standard ? `${place.standard} (default)` : "Not given";
  const select = h("select", { class: "select", ...attributesOf(place) }, h("option", { value: "" }, none));
  // A value that is no option is shown all the same: it is what will be sent.
  for (const option of new Set([...options, ...(chosen ? [chosen] : [])])) select.append(h("option", { value: option, selected: option === chosen }, option));
  select.addEventListener("change", () => place.change(select.value ? read(select.value) : undefined));
  return select;
}

function numberEditor(kind: string, place: Place): HTMLElement {
  const input = textInput(place, kind === "INT" ? "numeric" : "decimal");
  input.addEventListener("input", () => place.change(readNumber(kind, input.value.trim())));
  return input;
}

// What is no number yet stays text: the hint beside it says so, and nothing typed is lost.
function readNumber(kind: string, text: string): Value {
  if (!text) return undefined;
  const number = Number(text);
  const fits = kind === "INT" ? Number.isSafeInteger(number) : Number.isFinite(number);
  return fits ? number : text;
}

function shortText(place: Place): HTMLElement {
  const input = textInput(place, "text");
  input.addEventListener("input", () => place.change(input.value || undefined));
  return input;
}

function textInput(place: Place, inputmode: string): HTMLInputElement {
  const placeholder = place.value === "" ? "empty text" : place.standard;
  return h("input", { class: "input", type: "text", inputmode, autocomplete: "off", spellcheck: "false", placeholder, value: place.value === undefined ? "" : String(place.value), ...attributesOf(place) });
}

function longText(place: Place): HTMLElement {
  const text = h("textarea", { class: "textarea", rows: 4, spellcheck: "false", ...attributesOf(place) });
  text.value = String(place.value);
  text.addEventListener("input", () => place.change(text.value || undefined));
  return text;
}

// What no form can be made for: JSON.
export function rawEditor(place: Place): HTMLElement {
  const text = h("textarea", { class: "textarea", rows: 3, spellcheck: "false", placeholder: place.standard || "JSON", ...attributesOf(place) });
  text.value = place.value === undefined ? "" : JSON.stringify(place.value, null, 2);
  const problem = h("div", { class: "field-error", hidden: true }, "This is not JSON yet, and not used.");
  text.addEventListener("input", () => {
    try {
      place.change(text.value.trim() ? (JSON.parse(text.value) as Json) : undefined);
      problem.hidden = true;
    } catch {
      problem.hidden = false;
    }
  });
  return h("div", {}, text, problem);
}

export function smallButton(text: string, act: () => void, label = text): HTMLElement {
  return h("button", { class: "button button-small", type: "button", "aria-label": label, onclick: act }, text);
}
