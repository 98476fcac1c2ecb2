// Where the phases of a step lie on the time axis, in percent.
import { duration } from "../times.ts";

export interface StepTimes {
  key: string;
  status: string;
  ready_at: string | null;
  launched_at: string | null;
  started_at: string | null;
  ended_at: string | null;
  tries: number;
}

export interface RunTimes {
  status: string;
  created_at: string;
  claimed_at: string | null;
  started_at: string | null;
  ended_at: string | null;
}

export interface Part {
  phase: "queued" | "starting" | "running";
  left: number;
  width: number;
}

export interface Bar {
  status: string;
  parts: Part[];
  label: string;
  title: string;
}

export function barOf(step: StepTimes, [from, to]: [number, number]): Bar {
  const at = (text: string | null) => (text ? Date.parse(text) : null);
  const [ready, launched, started, ended] = [at(step.ready_at), at(step.launched_at), at(step.started_at), at(step.ended_at)];
  const last = ended ?? to;
  // A step without a process of its own is never launched: it starts when the one before ends.
  const phases: [Part["phase"], number | null, number | null][] = [
    ["queued", ready, launched ?? started ?? last],
    ["starting", launched, started ?? last],
    ["running", started, last],
  ];
  const parts: Part[] = [];
  const words: string[] = [];
  for (const [phase, begin, end] of phases) {
    if (begin === null || end === null || end < begin || (end === begin && phase !== "running")) continue;
    parts.push({ phase, left: percent(begin, from, to), width: percent(end, from, to) - percent(begin, from, to) });
    words.push(`${phase} ${duration((end - begin) / 1000)}`);
  }
  if (step.tries > 1) words.push(`${step.tries} tries`);
  return { status: step.status, parts, label: started === null ? "" : duration((last - started) / 1000), title: words.join(" · ") };
}

function percent(at: number, from: number, to: number): number {
  return Math.min(100, Math.max(0, ((at - from) / (to - from)) * 100));
}
