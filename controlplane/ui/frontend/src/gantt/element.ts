// Steps over time: waiting, starting and running as parts of each bar. The table inside stays as its twin.
import { attribute, h } from "../dom.ts";
import { getJson } from "../http.ts";
import { onLive } from "../live/bus.ts";
import { inTurn } from "../live/turns.ts";
import { VirtualList } from "../virtual/list.ts";
import { barOf, type Bar, type RunTimes, type StepTimes } from "./bars.ts";
import { ticks } from "./ticks.ts";

interface Answer {
  now: string;
  run: RunTimes;
  steps: StepTimes[];
}

const ROW_HEIGHT = 28;
const MOST_ROWS = 14;
const REDRAW_MS = 250;

class StepGantt extends HTMLElement {
  private answer: Answer | null = null;
  private list!: VirtualList;
  private chosen = "";
  private redraw = 0;
  private clockOffset = 0;
  private stopLive = () => {};
  private readonly axis = h("div", { class: "gantt-axis", "aria-hidden": "true" });
  private readonly scroller = h("div", { class: "gantt-rows", tabindex: "0", role: "region", "aria-label": "Steps over time" });

  connectedCallback(): void {
    const table = h("details", { class: "gantt-table" }, h("summary", {}, "Steps as a table"), ...this.childNodes);
    this.chosen = attribute(this, "data-step");
    this.replaceChildren(this.legend(), h("div", { class: "gantt" }, this.axis, this.scroller), table);
    this.list = new VirtualList(this.scroller, ROW_HEIGHT, (index) => this.row(index));
    this.scroller.addEventListener("click", (event) => this.onClick(event));
    this.stopLive = onLive(["steps", "run"], () => void this.load());
    void this.load();
  }

  disconnectedCallback(): void {
    this.stopLive();
    clearInterval(this.redraw);
  }

  private legend(): HTMLElement {
    const entry = (name: string) => h("span", { class: "gantt-key" }, h("i", { "data-phase": name }), name);
    return h("div", { class: "gantt-legend muted small" }, ...["queued", "starting", "running"].map(entry));
  }

  private readonly load = inTurn(async () => {
    this.answer = await getJson<Answer>(attribute(this, "data-steps"));
    this.clockOffset = Date.parse(this.answer.now) - Date.now();
    const rows = this.answer.steps.length + 1;
    this.scroller.style.height = `${Math.min(rows, MOST_ROWS) * ROW_HEIGHT}px`;
    this.paint();
    this.keepMoving(!this.answer.run.ended_at);
  });

  // Bars of running steps grow between answers.
  private keepMoving(active: boolean): void {
    clearInterval(this.redraw);
    if (active) this.redraw = window.setInterval(() => this.paint(), REDRAW_MS);
  }

  private span(): [from: number, to: number] {
    const run = this.answer?.run;
    const from = Date.parse(run?.created_at ?? "");
    const to = run?.ended_at ? Date.parse(run.ended_at) : Date.now() + this.clockOffset;
    return [from, Math.max(to, from + 50)];
  }

  private paint(): void {
    const [from, to] = this.span();
    this.axis.replaceChildren(h("span", { class: "gantt-label" }));
    const track = h("span", { class: "gantt-track" });
    for (const tick of ticks((to - from) / 1000)) {
      const mark = h("span", { class: "gantt-tick" }, tick.label);
      mark.style.left = `${((tick.seconds * 1000) / (to - from)) * 100}%`;
      track.append(mark);
    }
    this.axis.append(track);
    this.list.setCount((this.answer?.steps.length ?? 0) + 1);
  }

  private row(index: number): HTMLElement {
    const run = this.answer?.run;
    const step = this.answer?.steps[index - 1];
    if (!run) return h("div");
    const bar = step ? barOf(step, this.span()) : barOf({ ...run, key: "Run", ready_at: run.created_at, launched_at: run.claimed_at, tries: 0 }, this.span());
    const track = h("span", { class: "gantt-track" });
    for (const part of bar.parts) {
      const piece = h("span", { class: "gantt-bar", "data-phase": part.phase, "data-status": part.phase === "running" ? bar.status : null });
      piece.style.left = `${part.left}%`;
      piece.style.width = `max(2px, ${part.width}%)`;
      track.append(piece);
    }
    if (bar.label) track.append(barLabel(bar));
    const name = step ? h("button", { class: "gantt-label", type: "button", "data-step": step.key, title: `${step.key}\n${bar.title}` }, step.key) : h("span", { class: "gantt-label gantt-run" }, "Run");
    const mark = h("span", { class: "status status-icon", "data-status": bar.status, title: bar.status });
    return h("div", { class: "gantt-row", title: bar.title, "data-selected": step && step.key === this.chosen ? true : null }, h("span", { class: "gantt-name" }, mark, name), track);
  }

  private onClick(event: MouseEvent): void {
    const step = (event.target as Element).closest<HTMLElement>("[data-step]")?.dataset["step"];
    if (step === undefined) return;
    this.chosen = this.chosen === step ? "" : step;
    this.list.refresh();
    document.dispatchEvent(new CustomEvent("gantt:step", { detail: this.chosen }));
  }
}

// The running time stands behind the bar, before it where there is no room, inside it where there is room nowhere else.
function barLabel(bar: Bar): HTMLElement {
  const label = h("span", { class: "gantt-value" }, bar.label);
  const [first, last] = [bar.parts[0], bar.parts.at(-1)];
  const begin = first?.left ?? 0;
  const end = last ? last.left + last.width : 0;
  if (end < 84) label.style.left = `calc(${end}% + 6px)`;
  else if (begin > 16) label.style.right = `calc(${100 - begin}% + 6px)`;
  else label.classList.add("gantt-value-inside");
  return label;
}

customElements.define("step-gantt", StepGantt);
