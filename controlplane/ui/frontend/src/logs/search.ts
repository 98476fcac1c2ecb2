// The search line of the log viewer. The server counts; the viewer marks and jumps.
import { h } from "../dom.ts";
import type { Found, LogSource } from "./source.ts";

const WAIT_MS = 200;

export class LogSearch {
  readonly form: HTMLFormElement;
  text = "";
  current = 0;
  private found: Found = { count: 0, lines: [] };
  private position = -1;
  private wait = 0;
  private asked: AbortController | null = null;
  private readonly input = h("input", { class: "input", type: "search", placeholder: "Search", "aria-label": "Search the output", autocomplete: "off", spellcheck: "false" });
  private readonly count = h("span", { class: "viewer-count muted", role: "status" });

  constructor(
    private readonly source: LogSource,
    private readonly show: (line: number) => void,
    private readonly redraw: () => void,
  ) {
    const step = (by: number, label: string, mark: string) => h("button", { class: "button button-small", type: "button", title: label, "aria-label": label, onclick: () => this.move(by) }, mark);
    this.form = h("form", { class: "viewer-search", role: "search" }, this.input, step(-1, "Previous match", "↑"), step(1, "Next match", "↓"), this.count);
    this.input.addEventListener("input", () => this.later());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.move(1);
    });
  }

  private later(): void {
    clearTimeout(this.wait);
    this.wait = window.setTimeout(() => void this.search(), WAIT_MS);
  }

  private async search(): Promise<void> {
    this.asked?.abort();
    this.asked = new AbortController();
    this.text = this.input.value;
    [this.position, this.current, this.found] = [-1, 0, { count: 0, lines: [] }];
    if (!this.text) return this.say("");
    this.say("Searching…");
    try {
      this.found = await this.source.search(this.text, this.asked.signal);
    } catch (error) {
      if (!(error instanceof DOMException)) this.say(error instanceof Error ? error.message : "The search failed.");
      return;
    }
    this.move(1);
  }

  private move(by: number): void {
    const lines = this.found.lines;
    if (lines.length) {
      this.position = (this.position + by + lines.length) % lines.length;
      this.current = lines[this.position] ?? 0;
      this.show(this.current);
    }
    this.say(this.summary());
  }

  private summary(): string {
    if (!this.text) return "";
    const { count, lines } = this.found;
    if (!count) return "No match";
    const first = lines.length < count ? `; the first ${lines.length.toLocaleString("en")} can be stepped through` : "";
    return `${(this.position + 1).toLocaleString("en")} of ${count.toLocaleString("en")} match${count === 1 ? "" : "es"}${first}`;
  }

  private say(text: string): void {
    this.count.textContent = text;
    this.redraw();
  }
}
