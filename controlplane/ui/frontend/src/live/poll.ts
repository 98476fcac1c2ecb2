// `<poll-part id="x" data-every="10" data-part="/address">`: a part of a page that is fetched again every few seconds while somebody looks.
import htmx from "htmx.org";
import { focusMark } from "./parts.ts";

class PollPart extends HTMLElement {
  private timer = 0;

  connectedCallback(): void {
    this.timer = window.setInterval(() => void this.refresh(), Number(this.dataset["every"] ?? 10) * 1000);
  }

  disconnectedCallback(): void {
    clearInterval(this.timer);
  }

  private async refresh(): Promise<void> {
    if (document.visibilityState !== "visible" || this.querySelector("details[data-menu][open]")) return;
    const focus = focusMark(this);
    await htmx.ajax("get", this.dataset["part"] ?? location.pathname + location.search, { source: this, target: this, swap: "innerHTML" });
    if (focus) document.querySelector<HTMLElement>(focus)?.focus({ preventScroll: true });
  }
}

customElements.define("poll-part", PollPart);
