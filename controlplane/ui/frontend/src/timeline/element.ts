// `<run-timeline>` around the picture that the server draws: drag to pan, Ctrl and the wheel to zoom, arrow keys from bar to bar.
import htmx from "htmx.org";
import { h } from "../dom.ts";
import { withQuery } from "../http.ts";

const DRAG_PX = 4;
const CLOSER = 0.7;
const SHORTEST_MS = 60_000;
const LONGEST_MS = 31 * 86_400_000;
const HELP = "Arrow keys go from run to run, Enter opens, Shift with an arrow key moves in time, plus and minus zoom.";
const MOVES: Record<string, string> = { ArrowLeft: "earlier", ArrowRight: "later", "+": "closer", "=": "closer", "-": "wider" };

class RunTimeline extends HTMLElement {
  private drag: { x: number; width: number } | null = null;
  private dragged = false;
  private wait = 0;
  private place: [lane: string | null, bar: number] | null = null;
  private readonly readout = h("div", { class: "timeline-readout small", "aria-live": "polite" });

  connectedCallback(): void {
    this.prepend(this.readout);
    this.addEventListener("pointerdown", (event) => this.grab(event));
    this.addEventListener("pointermove", (event) => this.track(event));
    this.addEventListener("pointerup", (event) => this.drop(event));
    this.addEventListener("pointercancel", () => this.release());
    this.addEventListener("dragstart", (event) => event.preventDefault());
    this.addEventListener("click", (event) => this.hold(event), true);
    this.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.addEventListener("keydown", (event) => this.press(event));
    this.addEventListener("pointerover", (event) => this.say(event.target));
    this.addEventListener("focusin", (event) => this.say(event.target));
    this.addEventListener("htmx:beforeSwap", () => this.remember());
    this.addEventListener("htmx:afterSettle", () => this.comeBack());
    this.enter();
  }

  disconnectedCallback(): void {
    clearTimeout(this.wait);
  }

  private get box(): HTMLElement | null {
    return this.querySelector("[data-timeline]");
  }

  // One bar is reached with Tab; the others from there.
  private enter(): void {
    const first = this.bars()[0];
    if (first && !this.querySelector('.timeline-track a[tabindex="0"]')) first.setAttribute("tabindex", "0");
    this.readout.textContent ||= HELP;
  }

  // A new picture has other bars: whoever was at one goes on at the one that stands in its place.
  private remember(): void {
    const bar = document.activeElement?.closest<SVGAElement>(".timeline-track a");
    const lane = bar?.closest(".timeline-track");
    this.place = bar && lane && this.contains(bar) ? [lane.getAttribute("aria-label"), barsOf(lane).indexOf(bar)] : null;
  }

  private comeBack(): void {
    this.enter();
    if (!this.place || document.activeElement !== document.body) return;
    const [label, number] = this.place;
    const lane = [...this.querySelectorAll(".timeline-track[aria-label]")].find((one) => one.getAttribute("aria-label") === label);
    const bars = lane ? barsOf(lane) : [];
    this.reach(bars[Math.min(number, bars.length - 1)] ?? this.bars()[0], { preventScroll: true });
  }

  // Tab comes back to where the focus was last.
  private reach(bar: SVGAElement | undefined, options?: FocusOptions): void {
    if (!bar) return;
    this.querySelector('.timeline-track a[tabindex="0"]')?.setAttribute("tabindex", "-1");
    bar.setAttribute("tabindex", "0");
    bar.focus(options);
  }

  private bars(): SVGAElement[] {
    return [...this.querySelectorAll<SVGAElement>(".timeline-track a")];
  }

  private say(target: EventTarget | null): void {
    const words = target instanceof Element ? target.closest("a, circle")?.querySelector(":scope > title")?.textContent : null;
    if (words) this.readout.textContent = words;
  }

  private grab(event: PointerEvent): void {
    const track = (event.target as Element).closest<SVGElement>(".timeline-track");
    this.dragged = false;
    if (track && event.button === 0) this.drag = { x: event.clientX, width: track.getBoundingClientRect().width };
  }

  private track(event: PointerEvent): void {
    if (!this.drag || Math.abs(event.clientX - this.drag.x) < DRAG_PX) return;
    this.dragged = true;
    this.box?.setAttribute("data-dragging", "");
  }

  private drop(event: PointerEvent): void {
    const drag = this.drag;
    this.release();
    if (!drag || !this.dragged) return;
    const [from, to] = this.times();
    const by = ((drag.x - event.clientX) / drag.width) * (to - from);
    this.show(from + by, to + by);
  }

  private release(): void {
    this.drag = null;
    this.box?.removeAttribute("data-dragging");
  }

  // Letting go over a bar after a drag opens nothing.
  private hold(event: MouseEvent): void {
    if (this.dragged && (event.target as Element).closest("[data-timeline]")) event.preventDefault();
    this.dragged = false;
  }

  private wheel(event: WheelEvent): void {
    const track = (event.target as Element).closest<SVGElement>(".timeline-track");
    if (!track || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    const bounds = track.getBoundingClientRect();
    const at = (event.clientX - bounds.left) / bounds.width;
    const [from, to] = this.times();
    const length = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, (to - from) * (event.deltaY < 0 ? CLOSER : 1 / CLOSER)));
    const middle = from + at * (to - from);
    this.show(middle - at * length, middle + (1 - at) * length);
  }

  private press(event: KeyboardEvent): void {
    const bar = (event.target as Element).closest<SVGAElement>(".timeline-track a");
    if (!bar || event.ctrlKey || event.metaKey || event.altKey) return;
    const move = event.shiftKey || !event.key.startsWith("Arrow") ? MOVES[event.key] : undefined;
    if (move) this.querySelector<HTMLAnchorElement>(`[data-move="${move}"]`)?.click();
    else if (!this.step(bar, event.key)) return;
    event.preventDefault();
  }

  private step(bar: SVGAElement, key: string): boolean {
    const bars = this.bars();
    const lanes = [...this.querySelectorAll(".timeline-track")].filter((lane) => lane.querySelector("a"));
    const lane = lanes.indexOf(bar.closest(".timeline-track") as Element);
    const targets: Record<string, Element | null | undefined> = {
      ArrowLeft: bars[bars.indexOf(bar) - 1],
      ArrowRight: bars[bars.indexOf(bar) + 1],
      ArrowUp: lanes[lane - 1]?.querySelector("a"),
      ArrowDown: lanes[lane + 1]?.querySelector("a"),
    };
    if (!(key in targets)) return false;
    const target = targets[key];
    if (target instanceof SVGAElement) this.reach(target);
    return true;
  }

  private times(): [from: number, to: number] {
    return [Date.parse(this.box?.dataset["from"] ?? ""), Date.parse(this.box?.dataset["to"] ?? "")];
  }

  // The address follows at once; the picture when the wheel rests.
  private show(from: number, to: number): void {
    const text = (at: number) => new Date(at).toISOString().slice(0, 19);
    const box = this.box;
    if (box) [box.dataset["from"], box.dataset["to"]] = [new Date(from).toISOString(), new Date(to).toISOString()];
    const address = withQuery(location.href, { range: null, from: text(from), to: text(to) });
    history.replaceState(history.state, "", address);
    clearTimeout(this.wait);
    this.wait = window.setTimeout(() => void htmx.ajax("get", address.pathname + address.search, { target: "#timeline", swap: "innerHTML" }), 120);
  }
}

function barsOf(lane: Element): SVGAElement[] {
  return [...lane.querySelectorAll<SVGAElement>(":scope > a")];
}

customElements.define("run-timeline", RunTimeline);
