// The event log: every event of a run, filtered by level, step and text, live, with details on demand.
import { announce, attribute, h } from "../dom.ts";
import { withQuery } from "../http.ts";
import { onLive } from "../live/bus.ts";
import { VirtualList } from "../virtual/list.ts";
import { EventDetail } from "./detail.ts";
import { eventRow } from "./row.ts";
import { EventStore, type Filter } from "./store.ts";

const ROW_HEIGHT = 26;
const TYPING_MS = 250;

class EventLog extends HTMLElement {
  private store!: EventStore;
  private list!: VirtualList;
  private detail!: EventDetail;
  private form!: HTMLFormElement;
  private following = false;
  private selected = 0;
  private typing = 0;
  private stopLive = () => {};
  private readonly state = h("span", { class: "viewer-state muted", role: "status" });
  private readonly followButton = h("button", { class: "button button-small", type: "button", "aria-pressed": "false" }, "Follow");

  connectedCallback(): void {
    this.form = this.querySelector("form") ?? h("form");
    const scroller = h("div", { class: "viewer-lines events-lines", tabindex: "0", role: "region", "aria-label": "Events" });
    this.store = new EventStore(attribute(this, "data-events"), this.readForm(), () => this.changed());
    this.detail = new EventDetail(attribute(this, "data-event"), () => this.select(0));
    const bar = h("div", { class: "viewer-bar" }, this.form, this.state, this.followButton);
    this.replaceChildren(bar, h("div", { class: "events-body" }, scroller, this.detail.panel));
    this.list = new VirtualList(scroller, ROW_HEIGHT, (index) => eventRow(this.store.event(index), this.origin(), this.selected), (first, last) => this.store.need(first, last));
    this.following = this.hasAttribute("data-live");
    this.listen(scroller);
    void this.store.grow().then(() => this.follow(this.following));
  }

  disconnectedCallback(): void {
    this.stopLive();
  }

  private listen(scroller: HTMLElement): void {
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("change", () => this.choose());
    this.form.addEventListener("input", (event) => {
      if (!(event.target as Element).matches("[type=search]")) return;
      clearTimeout(this.typing);
      this.typing = window.setTimeout(() => this.choose(), TYPING_MS);
    });
    scroller.addEventListener("wheel", (event) => event.deltaY < 0 && this.follow(false), { passive: true });
    scroller.addEventListener("keydown", (event) => this.onKey(event));
    scroller.addEventListener("click", (event) => this.onClick(event));
    this.followButton.addEventListener("click", () => this.follow(!this.following));
    this.stopLive = onLive(["events", "run"], () => void this.store.grow());
    document.addEventListener("gantt:step", (event) => this.setStep((event as CustomEvent<string>).detail));
  }

  private readForm(): Filter {
    const data = new FormData(this.form);
    const value = (name: string) => String(data.get(name) ?? "");
    return { level: value("level"), step: value("step"), q: value("q") };
  }

  private setStep(step: string): void {
    const field = this.form.elements.namedItem("step");
    if (!(field instanceof HTMLInputElement || field instanceof HTMLSelectElement)) return;
    field.value = step;
    this.choose();
    this.scrollIntoView({ block: "nearest" });
  }

  private choose(): void {
    const filter = this.readForm();
    // Leaving the search field is a change event too, and must not take the row from under the pointer.
    if (JSON.stringify(filter) === JSON.stringify(this.store.filter)) return;
    history.replaceState(history.state, "", withQuery(location.href, { ...filter }));
    void this.store.choose(filter).then(() => announce(this.state.textContent ?? ""));
  }

  private origin(): number {
    return Date.parse(attribute(this, "data-origin"));
  }

  private changed(): void {
    this.list.setCount(this.store.count);
    if (this.following) this.list.toEnd();
    const total = this.store.total.toLocaleString("en");
    const shown = this.store.count.toLocaleString("en");
    this.state.textContent = this.store.filtered ? `${shown}${this.store.complete ? "" : "+"} of ${total} events` : `${total} event${this.store.total === 1 ? "" : "s"}`;
  }

  private onClick(event: MouseEvent): void {
    const row = (event.target as Element).closest<HTMLElement>("[data-seq]");
    const selection = getSelection();
    // Who marks text with the mouse wants the text.
    const marks = selection && !selection.isCollapsed && row?.contains(selection.anchorNode);
    if (row && !marks) this.select(Number(row.dataset["seq"]));
  }

  private onKey(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 }[event.key];
    if (step) this.step(step);
    else if (event.key === "End") this.list.toEnd();
    else if (event.key === "Home") this.list.toRow(0);
    else if (event.key === "Escape" && this.selected) this.select(0);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private step(by: number): void {
    const at = this.indexOf(this.selected);
    const index = at < 0 ? this.list.range()[0] : Math.min(Math.max(at + by, 0), this.store.count - 1);
    const event = this.store.event(index);
    if (!event) return;
    this.select(event.seq);
    this.list.toRow(index, "nearest");
  }

  private indexOf(seq: number): number {
    if (!seq) return -1;
    if (!this.store.filtered) return seq - 1;
    for (let index = 0; index < this.store.count; index += 1) if (this.store.event(index)?.seq === seq) return index;
    return -1;
  }

  private select(seq: number): void {
    this.selected = seq;
    if (seq) this.follow(false);
    void this.detail.show(seq);
    this.list.refresh();
  }

  private follow(on: boolean): void {
    this.following = on;
    this.followButton.setAttribute("aria-pressed", String(on));
    this.followButton.textContent = on ? "Following" : "Follow";
    this.followButton.hidden = !this.hasAttribute("data-live");
    if (on) this.list.toEnd();
  }
}

customElements.define("event-log", EventLog);
