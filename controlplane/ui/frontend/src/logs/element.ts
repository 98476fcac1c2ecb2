// stdout and stderr: virtual lines, ANSI colours, follows until one scrolls up, line links, search on the server.
import { announce, attribute, h } from "../dom.ts";
import { onLive } from "../live/bus.ts";
import { VirtualList } from "../virtual/list.ts";
import { readFragment, writeFragment, type LineRange } from "./fragment.ts";
import { lineText } from "./line.ts";
import { LogSearch } from "./search.ts";
import { LogSource } from "./source.ts";

const LINE_HEIGHT = 18;

class LogViewer extends HTMLElement {
  private source!: LogSource;
  private list!: VirtualList;
  private search!: LogSearch;
  private following = false;
  private selected: LineRange | null = null;
  private stopLive = () => {};
  private readonly notice = h("div", { class: "viewer-notice", hidden: true });
  private readonly followButton = h("button", { class: "button button-small", type: "button", "aria-pressed": "false" }, "Follow");
  private readonly state = h("span", { class: "viewer-state muted" });

  connectedCallback(): void {
    const scroller = h("div", { class: "viewer-lines", tabindex: "0", role: "region", "aria-label": "Captured output" });
    this.source = new LogSource(attribute(this, "data-lines"), () => this.changed());
    this.search = new LogSearch(this.source, (line) => this.list.toRow(line - 1), () => this.list.refresh());
    const download = h("a", { class: "button button-small", href: attribute(this, "data-download") }, "Download");
    const bar = h("div", { class: "viewer-bar" }, this.search.form, this.state, this.followButton, download);
    this.replaceChildren(bar, this.notice, scroller);
    this.list = new VirtualList(scroller, LINE_HEIGHT, (index) => this.row(index), (first, last) => this.source.need(first, last));
    this.selected = readFragment(location.hash);
    this.following = !this.selected && this.hasAttribute("data-live");
    this.listen(scroller);
    void this.source.grow().then(() => this.first());
  }

  disconnectedCallback(): void {
    this.stopLive();
  }

  private listen(scroller: HTMLElement): void {
    scroller.addEventListener("click", (event) => this.onLineClick(event));
    scroller.addEventListener("wheel", (event) => event.deltaY < 0 && this.follow(false), { passive: true });
    scroller.addEventListener("keydown", (event) => this.onKey(event));
    scroller.addEventListener("scroll", () => this.list.atEnd() || this.noteScroll(), { passive: true });
    this.followButton.addEventListener("click", () => this.follow(!this.following));
    window.addEventListener("hashchange", () => this.showFragment());
    this.stopLive = onLive(["logs", "run"], () => void this.source.grow());
  }

  private first(): void {
    if (this.selected) this.showFragment();
    else if (this.following) this.list.toEnd();
    this.follow(this.following);
  }

  private changed(): void {
    const wasAtEnd = this.following;
    this.list.setCount(this.source.total);
    if (wasAtEnd) this.list.toEnd();
    this.notice.hidden = !this.source.notice;
    this.notice.textContent = this.source.notice;
    const lines = this.source.total.toLocaleString("en");
    this.state.textContent = this.source.total ? `${lines} line${this.source.total === 1 ? "" : "s"}${this.source.final ? "" : " so far"}` : this.source.final ? "Nothing was printed" : "Nothing printed yet";
    this.followButton.hidden = this.source.final;
  }

  private row(index: number): HTMLElement {
    const number = index + 1;
    const text = this.source.line(index);
    const inRange = this.selected && number >= this.selected.first && number <= this.selected.last;
    const link = h("a", { class: "line-number", href: `#L${number}`, "data-line": number, "aria-label": `Line ${number}` }, String(number));
    const row = h("div", { class: "line", "data-selected": inRange ? true : null, "data-current": this.search.current === number ? true : null });
    row.append(link, text === null ? h("span", { class: "line-text line-waiting" }, "…") : lineText(text, this.search.text));
    return row;
  }

  private onLineClick(event: MouseEvent): void {
    const link = (event.target as Element).closest<HTMLElement>("[data-line]");
    if (!link) return;
    event.preventDefault();
    const line = Number(link.dataset["line"]);
    const start = event.shiftKey && this.selected ? this.selected.first : line;
    this.selected = { first: Math.min(start, line), last: Math.max(start, line) };
    history.replaceState(history.state, "", writeFragment(this.selected));
    this.follow(false);
    this.list.refresh();
  }

  private showFragment(): void {
    this.selected = readFragment(location.hash);
    if (!this.selected) return;
    this.follow(false);
    this.list.toRow(this.selected.first - 1);
    this.list.refresh();
  }

  private noteScroll(): void {
    if (this.following && !this.source.final && this.list.count * LINE_HEIGHT > this.list.scroller.clientHeight) this.followButton.setAttribute("aria-pressed", "true");
  }

  private onKey(event: KeyboardEvent): void {
    if (event.key === "End") this.list.toEnd();
    else if (event.key === "Home") this.list.toRow(0);
    else if (event.key === "ArrowUp" || event.key === "PageUp") return this.follow(false);
    else return;
    if (event.key === "Home") this.follow(false);
    event.preventDefault();
  }

  private follow(on: boolean): void {
    if (on !== this.following) announce(on ? "Following the output" : "No longer following");
    this.following = on;
    this.followButton.setAttribute("aria-pressed", String(on));
    this.followButton.textContent = on ? "Following" : "Follow";
    if (on) this.list.toEnd();
  }
}

customElements.define("log-viewer", LogViewer);
