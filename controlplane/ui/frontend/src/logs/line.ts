// One line of output as an element: coloured text, with what was searched for marked.
import { h } from "../dom.ts";
import { segments, type Segment } from "./ansi.ts";

export function lineText(line: string, search: string): HTMLElement {
  const parts = segments(line);
  const marks = search ? matches(parts.map((part) => part.text).join(""), search) : [];
  const box = h("span", { class: "line-text" });
  let offset = 0;
  for (const part of parts) {
    for (const [text, marked] of cut(part.text, offset, marks)) box.append(piece(part, text, marked));
    offset += part.text.length;
  }
  return box;
}

function matches(text: string, search: string): [number, number][] {
  const [where, what] = [text.toLowerCase(), search.toLowerCase()];
  const found: [number, number][] = [];
  for (let at = where.indexOf(what); at >= 0 && found.length < 1000; at = where.indexOf(what, at + what.length)) found.push([at, at + what.length]);
  return found;
}

// Pieces of a segment that starts at `offset` in its line, each inside or outside a match.
function* cut(text: string, offset: number, marks: [number, number][]): Generator<[string, boolean]> {
  let at = 0;
  for (const [from, to] of marks) {
    const [start, end] = [Math.max(at, from - offset), Math.min(text.length, to - offset)];
    if (end <= at || start >= text.length) continue;
    if (start > at) yield [text.slice(at, start), false];
    yield [text.slice(start, end), true];
    at = end;
  }
  if (at < text.length) yield [text.slice(at), false];
}

function piece(part: Segment, text: string, marked: boolean): Node {
  if (!marked && !part.classes.length && !part.colour && !part.background) return document.createTextNode(text);
  const element = h(marked ? "mark" : "span", { class: part.classes.join(" ") || null }, text);
  if (part.colour) element.style.color = part.colour;
  if (part.background) element.style.backgroundColor = part.background;
  return element;
}
