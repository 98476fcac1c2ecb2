// One event as a row: when, how grave, which step, what.
import { h } from "../dom.ts";
import type { RunEvent } from "./store.ts";

const LEVELS: [least: number, name: string][] = [
  [50, "critical"],
  [40, "error"],
  [30, "warning"],
  [20, "info"],
  [0, "debug"],
];

// Dagster's names of events, as people say them; the rest is spelled from the name itself.
const NAMES: Record<string, string> = {
  LOG: "log",
  PIPELINE_START: "run start",
  PIPELINE_SUCCESS: "run success",
  PIPELINE_FAILURE: "run failure",
  PIPELINE_CANCELING: "run canceling",
  PIPELINE_CANCELED: "run canceled",
  ASSET_MATERIALIZATION: "materialized",
  ASSET_OBSERVATION: "observed",
  ASSET_CHECK_EVALUATION: "check",
};

export function levelName(level: number): string {
  return LEVELS.find(([least]) => level >= least)?.[1] ?? "debug";
}

export function typeName(type: string): string {
  return NAMES[type] ?? type.toLowerCase().replaceAll("_", " ");
}

export function eventRow(event: RunEvent | null, origin: number, selected: number): HTMLElement {
  if (!event) return h("div", { class: "event event-waiting" }, "…");
  const chosen = event.seq === selected;
  return h(
    "div",
    { class: "event", "data-seq": event.seq, "data-level": levelName(event.level), "data-selected": chosen || null },
    h("time", { class: "event-time", datetime: event.at, title: new Date(event.at).toISOString() }, offset(event.at, origin)),
    h("span", { class: "event-type", title: event.type }, typeName(event.type)),
    h("span", { class: "event-step", title: event.step ?? "" }, event.step ?? ""),
    h("span", { class: "event-message" }, oneLine(event.message)),
  );
}

// Since the run was asked for; hours only when there are some.
function offset(at: string, origin: number): string {
  const seconds = Math.max(0, (Date.parse(at) - origin) / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = (seconds % 60).toFixed(2).padStart(5, "0");
  return `${hours ? `${hours}:` : ""}${String(minutes).padStart(2, "0")}:${rest}`;
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, " ⏎ ").slice(0, 600);
}
