// `<div id="x" data-live="run runs" data-part="/address">`: parts of the page that htmx fetches again when their subject changed.
import htmx from "htmx.org";
import { onLive, type Subject } from "./bus.ts";

export function refreshParts(): () => void {
  const subjects: Subject[] = ["run", "steps", "runs"];
  const stops = subjects.map((subject) => onLive([subject], () => refresh(subject)));
  return () => stops.forEach((stop) => stop());
}

// Parts that are being fetched, and those of them that changed again meanwhile.
const busy = new Set<Element>();
const outdated = new Set<Element>();

function refresh(subject: Subject): void {
  for (const part of document.querySelectorAll<HTMLElement>(`[data-live~="${subject}"]`)) renew(part);
}

function renew(part: HTMLElement): void {
  if (busy.has(part)) return void outdated.add(part);
  if (isInUse(part)) return;
  busy.add(part);
  // Whoever cannot be reached now is asked again with the next change, or by the poll.
  void fetchPart(part)
    .catch(() => undefined)
    .finally(() => {
      busy.delete(part);
      if (outdated.delete(part) && part.isConnected) renew(part);
    });
}

// The part itself stays, only what is in it is replaced: a request of its own that is under way keeps its target.
async function fetchPart(part: HTMLElement): Promise<void> {
  const here = location.href;
  const response = await fetch(part.dataset["part"] ?? location.pathname + location.search, { headers: { "HX-Request": "true", "HX-Target": part.id } });
  const text = await response.text();
  // Another filter was chosen meanwhile, or the part is gone: this answer is of yesterday.
  if (!response.ok || !part.isConnected || location.href !== here) return;
  const fresh = new DOMParser().parseFromString(text, "text/html").getElementById(part.id);
  if (!fresh) return;
  if (isInUse(part)) return;
  const focus = focusMark(part);
  part.replaceChildren(...fresh.childNodes);
  htmx.process(part);
  part.dispatchEvent(new CustomEvent("htmx:load", { bubbles: true }));
  if (focus) document.querySelector<HTMLElement>(focus)?.focus({ preventScroll: true });
}

// Someone is reading a menu, or choosing rows: replacing these would undo it.
function isInUse(part: HTMLElement): boolean {
  return part.querySelector("details[data-menu][open], [data-selection] input:checked") !== null;
}

// How to find the focused element again after its part was replaced.
export function focusMark(part: HTMLElement): string | null {
  const focused = document.activeElement;
  if (!focused || focused === part || !part.contains(focused)) return null;
  if (focused.id) return `#${CSS.escape(focused.id)}`;
  const href = focused.getAttribute("href");
  return href && part.id ? `#${CSS.escape(part.id)} [href="${CSS.escape(href)}"]` : null;
}
