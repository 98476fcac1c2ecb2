// `<time class="rel" datetime title>`: relative text that keeps up. `<time class="since">` counts up from its instant.
const TICK_MS = 1000;
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

export function startTimes(): void {
  const refresh = () => {
    for (const time of document.querySelectorAll<HTMLTimeElement>("time.rel")) set(time, relative(age(time)));
    for (const time of document.querySelectorAll<HTMLTimeElement>("time.since")) set(time, duration(age(time)));
  };
  setInterval(refresh, TICK_MS);
  document.addEventListener("copy", copyExact);
}

function age(time: HTMLTimeElement): number {
  return (Date.now() - Date.parse(time.dateTime)) / 1000;
}

function set(time: HTMLElement, text: string): void {
  if (time.textContent !== text) time.textContent = text;
}

export function relative(seconds: number): string {
  // Clocks differ by a little: what is a few seconds ahead is now.
  if (seconds < -5) return `in ${coarse(-seconds)}`;
  return seconds < 5 ? "just now" : `${coarse(seconds)} ago`;
}

function coarse(seconds: number): string {
  if (seconds < MINUTE) return `${Math.floor(seconds)} s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`;
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)} h`;
  return `${Math.floor(seconds / DAY)} d`;
}

export function duration(seconds: number): string {
  if (seconds < 0) return "0 s";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < MINUTE) return `${Math.floor(seconds)} s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min ${Math.floor(seconds % MINUTE)} s`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)} h ${Math.floor((seconds % HOUR) / MINUTE)} min`;
  return `${Math.floor(seconds / DAY)} d ${Math.floor((seconds % DAY) / HOUR)} h`;
}

// What is copied says when exactly: "3 min ago" means nothing tomorrow.
function copyExact(event: ClipboardEvent): void {
  const selection = getSelection();
  if (!selection?.rangeCount || !event.clipboardData) return;
  const part = selection.getRangeAt(0).cloneContents();
  const times = part.querySelectorAll<HTMLTimeElement>("time.rel[title]");
  if (!times.length) return;
  for (const time of times) time.textContent = time.title;
  const box = document.createElement("div");
  box.append(part);
  event.clipboardData.setData("text/plain", selection.toString().length ? textOf(box) : "");
  event.preventDefault();
}

function textOf(box: HTMLElement): string {
  for (const cell of box.querySelectorAll("td, th")) cell.append("\t");
  for (const row of box.querySelectorAll("tr, li, p")) row.append("\n");
  return (box.textContent ?? "").replace(/[ \n]*\n[ \n]*/g, "\n").replace(/ {2,}/g, " ").replace(/\t\n/g, "\n").trim();
}
