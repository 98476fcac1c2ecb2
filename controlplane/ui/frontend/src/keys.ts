// Keys of every page: `/` and Ctrl-K find, `?` helps, `g` + letter goes somewhere, `j k` move in a list, `x` chooses, Enter opens.
import { openKeyHelp } from "./key-help.ts";
import { toggleRow } from "./selection.ts";

export const GO: Record<string, [page: string, label: string]> = {
  o: ["Overview", "Overview"],
  a: ["Assets", "Assets"],
  l: ["Lineage", "Lineage"],
  r: ["Runs", "Runs"],
  j: ["Jobs", "Jobs"],
  m: ["Timeline", "Timeline"],
  t: ["Automation", "Automation"],
  b: ["Branches", "Branches"],
  c: ["Code locations", "Code locations"],
  e: ["Agents", "Agents"],
};
const GO_WINDOW_MS = 1200;
let goUntil = 0;

export function startKeys(): void {
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    if (target.closest("[data-keys-open]")) openKeyHelp();
    if (target.closest("[data-palette-open]")) openPalette();
  });
}

function onKey(event: KeyboardEvent): void {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
  if (performance.now() < goUntil && GO[event.key]) return go(event);
  const action = ACTIONS[event.key];
  if (action?.(event)) event.preventDefault();
}

const ACTIONS: Record<string, (event: KeyboardEvent) => boolean> = {
  "/": () => openPalette(),
  "?": () => openKeyHelp(),
  g: () => {
    goUntil = performance.now() + GO_WINDOW_MS;
    return true;
  },
  j: () => moveInList(1),
  k: () => moveInList(-1),
  x: () => toggleRow(),
};

function go(event: KeyboardEvent): void {
  goUntil = 0;
  const label = GO[event.key]?.[0];
  const link = [...document.querySelectorAll<HTMLAnchorElement>(".rail-nav a")].find((a) => a.textContent?.trim() === label);
  if (!link) return;
  event.preventDefault();
  link.click();
}

function openPalette(): boolean {
  // Its bundle may still be on its way.
  void customElements.whenDefined("command-palette").then(() => {
    document.querySelector("command-palette")?.dispatchEvent(new CustomEvent("palette:open"));
  });
  return true;
}

function moveInList(step: number): boolean {
  const links = [...document.querySelectorAll<HTMLElement>(".rows .row-link")].filter((link) => link.offsetParent !== null);
  if (!links.length) return false;
  const current = links.findIndex((link) => link === document.activeElement);
  const next = links[current < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(Math.max(current + step, 0), links.length - 1)];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
  return true;
}

export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select"));
}
