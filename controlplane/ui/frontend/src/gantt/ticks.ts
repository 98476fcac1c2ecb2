// Round marks on a time axis.
import { duration } from "../times.ts";

export interface Tick {
  seconds: number;
  label: string;
}

const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400];
const MOST = 7;

export function ticks(seconds: number): Tick[] {
  const step = STEPS.find((size) => seconds / size <= MOST) ?? seconds / MOST;
  const found: Tick[] = [];
  for (let at = 0; at < seconds; at += step) found.push({ seconds: at, label: at ? compact(at) : "0" });
  return found;
}

function compact(seconds: number): string {
  if (seconds < 10 && seconds % 1) return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${Number(seconds.toFixed(2))} s`;
  return duration(seconds).replace(/\.0 s$/, " s").replace(/ 0 (s|min|h)$/, "");
}
