// The palette: pages at once, assets, jobs and runs from the server while one types. A combobox with a listbox.
import { announce, attribute, h } from "./dom.ts";
import { getJson, withQuery } from "./http.ts";

interface Item {
  label: string;
  note: string;
  url: string;
  group: string;
}

const WAIT_MS = 120;

class CommandPalette extends HTMLElement {
  private dialog: HTMLDialogElement | null = null;
  private input = h("input");
  private list = h("div");
  private items: Item[] = [];
  private chosen = 0;
  private wait = 0;
  private asked: AbortController | null = null;

  connectedCallback(): void {
    this.addEventListener("palette:open", () => this.open());
  }

  private open(): void {
    if (this.dialog?.open) return;
    this.dialog ??= this.build();
    this.input.value = "";
    this.show(this.pages(""));
    this.dialog.showModal();
  }

  private build(): HTMLDialogElement {
    this.input = h("input", {
      class: "palette-input", type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-list",
      "aria-autocomplete": "list", "aria-label": "Find", placeholder: "Find a page, an asset, a job, a run id, #7…", autocomplete: "off", spellcheck: "false",
    });
    this.list = h("div", { class: "palette-list", id: "palette-list", role: "listbox", "aria-label": "Found" });
    this.input.addEventListener("input", () => this.changed());
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    const dialog = h("dialog", { class: "palette", "aria-label": "Find" }, this.input, this.list);
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
    this.append(dialog);
    return dialog;
  }

  private changed(): void {
    const text = this.input.value.trim();
    this.show(this.pages(text));
    clearTimeout(this.wait);
    this.asked?.abort();
    if (text) this.wait = window.setTimeout(() => void this.ask(text), WAIT_MS);
  }

  private async ask(text: string): Promise<void> {
    this.asked = new AbortController();
    try {
      const found = await getJson<{ items: Item[] }>(withQuery(attribute(this, "data-source"), { q: text }), this.asked.signal);
      this.show([...this.pages(text), ...found.items]);
      announce(`${this.items.length} found`);
    } catch (error) {
      if (!(error instanceof DOMException)) this.list.replaceChildren(h("div", { class: "palette-empty" }, String(error)));
    }
  }

  private pages(text: string): Item[] {
    const links = [...document.querySelectorAll<HTMLAnchorElement>(".rail-nav a")];
    const items = links.map((link) => ({ label: link.textContent?.trim() ?? "", note: "", url: link.href, group: "Pages" }));
    return items.filter((item) => item.label.toLowerCase().includes(text.toLowerCase()));
  }

  private show(items: Item[]): void {
    this.items = items;
    this.chosen = 0;
    this.list.replaceChildren();
    items.forEach((item, index) => {
      if (item.group !== items[index - 1]?.group) this.list.append(h("div", { class: "palette-group", role: "presentation" }, item.group));
      this.list.append(this.row(item, index));
    });
    if (!items.length) this.list.append(h("div", { class: "palette-empty", role: "presentation" }, "Nothing found yet."));
    this.choose(0);
  }

  private row(item: Item, index: number): HTMLElement {
    const row = h("div", { class: "palette-item", role: "option", id: `palette-${index}`, "aria-selected": "false" }, h("span", { title: item.label }, item.label), h("span", {}, item.note));
    row.addEventListener("click", () => this.go(item));
    row.addEventListener("mousemove", () => this.choose(index));
    return row;
  }

  private choose(index: number): void {
    this.list.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
    this.chosen = Math.min(Math.max(index, 0), this.items.length - 1);
    const row = this.list.querySelector(`#palette-${this.chosen}`);
    row?.setAttribute("aria-selected", "true");
    row?.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", row?.id ?? "");
  }

  private onKey(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const item = this.items[this.chosen];
    if (step) this.choose(this.chosen + step);
    else if (event.key === "Enter" && item) this.go(item);
    else return;
    event.preventDefault();
  }

  private go(item: Item): void {
    this.dialog?.close();
    location.assign(item.url);
  }
}

customElements.define("command-palette", CommandPalette);
