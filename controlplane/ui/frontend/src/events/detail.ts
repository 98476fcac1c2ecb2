// The chosen event in full, as the server renders it: message, error with its causes, metadata.
import htmx from "htmx.org";
import { h } from "../dom.ts";

export class EventDetail {
  readonly panel = h("aside", { class: "event-detail", hidden: true, "aria-label": "Event" });

  constructor(
    private readonly address: string,
    private readonly close: () => void,
  ) {
    this.panel.addEventListener("click", (event) => {
      if ((event.target as Element).closest("[data-close]")) this.close();
    });
  }

  async show(seq: number): Promise<void> {
    this.panel.hidden = !seq;
    if (!seq) return this.panel.replaceChildren();
    await htmx.ajax("get", `${this.address}${seq}`, { target: this.panel, swap: "innerHTML" });
  }
}
