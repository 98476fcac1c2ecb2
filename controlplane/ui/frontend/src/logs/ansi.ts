// Terminal output as spans of text: colours and weights are kept, everything else that a terminal would obey is dropped.
export interface Segment {
  text: string;
  classes: string[];
  colour: string | null;
  background: string | null;
}

interface Style {
  flags: Set<string>;
  colour: string | null;
  background: string | null;
}

// CSI sequences, OSC strings (hyperlinks, titles), and lone two-character escapes.
const ESCAPE = /\u001b(?:\[([0-?]*)[ -/]*([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\^_]?)/g;
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g;
const FLAGS: Record<number, string> = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike" };
const UNSET: Record<number, string[]> = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 29: ["strike"] };

export function segments(line: string): Segment[] {
  const text = lastRewrite(line);
  const style: Style = { flags: new Set(), colour: null, background: null };
  const found: Segment[] = [];
  let end = 0;
  for (const match of text.matchAll(ESCAPE)) {
    push(found, text.slice(end, match.index), style);
    end = match.index + match[0].length;
    if (match[2] === "m") select(style, match[1] ?? "");
  }
  push(found, text.slice(end), style);
  return found;
}

// A progress bar writes over its own line with carriage returns: what a terminal shows is the last writing.
function lastRewrite(line: string): string {
  const trimmed = line.replace(/\r+$/, "");
  return trimmed.slice(trimmed.lastIndexOf("\r") + 1);
}

function push(found: Segment[], text: string, style: Style): void {
  if (!text) return;
  const classes = [...style.flags].map((flag) => `ansi-${flag}`);
  const [colour, background] = [style.colour, style.background];
  for (const [value, kind] of [[colour, "fg"], [background, "bg"]] as const) if (value && !value.startsWith("#")) classes.push(`ansi-${kind}-${value}`);
  const raw = (value: string | null) => (value?.startsWith("#") ? value : null);
  found.push({ text: text.replace(CONTROLS, visible), classes, colour: raw(colour), background: raw(background) });
}

// Control characters get their picture from Unicode's block for that; direction overrides a plain mark.
function visible(character: string): string {
  const code = character.charCodeAt(0);
  if (code === 0x7f) return "\u2421";
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : "\ufffd";
}

function select(style: Style, parameters: string): void {
  const codes = parameters.split(/[;:]/).map((code) => Number(code || 0));
  for (let i = 0; i < codes.length; i += 1) {
    const code = codes[i] ?? 0;
    if (code === 38 || code === 48) i += extended(style, code, codes.slice(i + 1));
    else simple(style, code);
  }
}

function simple(style: Style, code: number): void {
  if (code === 0) [style.flags, style.colour, style.background] = [new Set(), null, null];
  else if (FLAGS[code]) style.flags.add(FLAGS[code]);
  else if (UNSET[code]) UNSET[code].forEach((flag) => style.flags.delete(flag));
  else if (code === 39) style.colour = null;
  else if (code === 49) style.background = null;
  else if (code >= 30 && code <= 37) style.colour = String(code - 30);
  else if (code >= 40 && code <= 47) style.background = String(code - 40);
  else if (code >= 90 && code <= 97) style.colour = String(code - 82);
  else if (code >= 100 && code <= 107) style.background = String(code - 92);
}

// 38;5;n and 38;2;r;g;b; answers how many parameters it took.
function extended(style: Style, code: number, rest: number[]): number {
  const which = code === 38 ? "colour" : "background";
  if (rest[0] === 5) {
    style[which] = indexed(rest[1] ?? 0);
    return 2;
  }
  if (rest[0] === 2) {
    style[which] = hex(rest.slice(1, 4));
    return 4;
  }
  return rest.length;
}

function indexed(index: number): string {
  if (index < 16) return String(index);
  if (index >= 232) return hex([0, 1, 2].map(() => 8 + (index - 232) * 10));
  const cube = index - 16;
  return hex([Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((level) => (level ? 55 + level * 40 : 0)));
}

function hex(channels: number[]): string {
  return `#${channels.map((channel) => Math.min(255, Math.max(0, channel || 0)).toString(16).padStart(2, "0")).join("")}`;
}
