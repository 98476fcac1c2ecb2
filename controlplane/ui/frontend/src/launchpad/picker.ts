// `<key-picker>`: choosing among many keys by search. The keys come from the server; one input, or a list of chosen ones.
import { announce, attribute, h } from "../dom.ts";
import { getJson, withQuery } from "../http.ts";

interface Keys {
  keys: string[];
  total: number;
  more: boolean;
}

const WAIT_MS = 120;
let lists = 0;

class KeyPicker extends HTMLElement {
  private input!: HTMLInputElement;
  private readonly list = h("div", { class: "pick-list", role: "listbox", "aria-label": "Found", id: `pick-list-${(lists += 1)}`, hidden: true });
  private keys: string[] = [];
  private chosen = -1;
  private wait = 0;
  private asked: AbortController | null = null;

  connectedCallback(): void {
    const input = this.querySelector<HTMLInputElement>("input.input");
    if (!input || this.list.isConnected) return;
    this.input = input;
    input.removeAttribute("list");
    const combobox = { role: "combobox", "aria-expanded": "false", "aria-autocomplete": "list", "aria-controls": this.list.id };
    if (attribute(this, "data-source")) for (const [name, value] of Object.entries(combobox)) input.setAttribute(name, value);
    const box = h("div", { class: "pick-box" });
    input.replaceWith(box);
    box.append(input, this.list);
    input.addEventListener("input", () => this.later());
    input.addEventListener("focus", () => this.later());
    input.addEventListener("click", () => this.later());
    input.addEventListener("blur", () => this.close());
    input.addEventListener("keydown", (event) => this.onKey(event));
    this.addEventListener("change", (event) => this.onChange(event));
  }

  private get isSingle(): boolean {
    return this.hasAttribute("data-single");
  }

  private get picked(): string[] {
    return [...this.querySelectorAll<HTMLInputElement>(".pick input")].map((box) => box.value);
  }

  private later(): void {
    if (!attribute(this, "data-source")) return;
    clearTimeout(this.wait);
    this.wait = window.setTimeout(() => void this.ask(), WAIT_MS);
  }

  private async ask(): Promise<void> {
    this.asked?.abort();
    this.asked = new AbortController();
    // What is filled in already is no search: everything is offered beside it.
    const text = this.isSingle && this.input.value === this.input.defaultValue ? "" : this.input.value;
    try {
      const found = await getJson<Keys>(withQuery(attribute(this, "data-source"), { q: text }), this.asked.signal);
      if (document.activeElement === this.input) this.show(found);
    } catch (error) {
      if (!(error instanceof DOMException)) this.open(h("div", { class: "pick-note" }, error instanceof Error ? error.message : "The control plane does not answer."));
    }
  }

  private show(found: Keys): void {
    const picked = new Set(this.picked);
    this.keys = found.keys.filter((key) => !picked.has(key));
    this.chosen = -1;
    const rows = this.keys.map((key, index) => this.row(key, index));
    const note = !this.keys.length ? `None of ${found.total.toLocaleString("en")} matches.` : found.more ? `The first ${this.keys.length} of those that match; type to narrow.` : "";
    this.open(...rows, note && h("div", { class: "pick-note" }, note));
    announce(this.keys.length ? `${this.keys.length} found` : "None matches");
  }

  private row(key: string, index: number): HTMLElement {
    const row = h("div", { class: "pick-row mono", role: "option", id: `${this.list.id}-${index}`, "aria-selected": "false", title: key }, key);
    // Before the input loses its focus.
    row.addEventListener("mousedown", (event) => {
      event.preventDefault();
      this.choose(key);
    });
    return row;
  }

  private open(...rows: (HTMLElement | "" | false)[]): void {
    this.list.replaceChildren(...rows.filter((row): row is HTMLElement => row instanceof HTMLElement));
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
  }

  private close(): void {
    this.asked?.abort();
    clearTimeout(this.wait);
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  private onKey(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && !this.list.hidden) this.mark(Math.min(Math.max(this.chosen + step, 0), this.keys.length - 1));
    else if (step) this.later();
    else if (event.key === "Escape" && !this.list.hidden) this.close();
    else if (event.key === "Enter" && !this.take()) return;
    else if (event.key !== "Enter") return;
    event.preventDefault();
  }

  // What Enter means: the marked key, the only one there is, or what was typed where anything may be.
  private take(): boolean {
    if (this.list.hidden && this.isSingle) return false;
    const typed = this.input.value.trim();
    const key = this.list.hidden ? undefined : (this.keys[this.chosen] ?? (this.keys.length === 1 ? this.keys[0] : undefined));
    const found = key ?? (typed && (this.hasAttribute("data-open") || this.keys.includes(typed)) ? typed : undefined);
    if (found === undefined) return !this.list.hidden;
    this.choose(found);
    return true;
  }

  private mark(index: number): void {
    this.list.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
    this.chosen = index;
    const row = this.list.querySelector(`#${this.list.id}-${index}`);
    row?.setAttribute("aria-selected", "true");
    row?.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", row?.id ?? "");
  }

  private choose(key: string): void {
    this.close();
    if (this.isSingle) {
      this.input.value = this.input.defaultValue = key;
    } else {
      const box = h("input", { type: "checkbox", name: attribute(this, "data-name"), value: key, checked: true });
      this.querySelector(".picked")?.append(h("label", { class: "pick" }, box, h("span", { class: "mono" }, key)));
      this.input.value = "";
    }
    this.input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  private onChange(event: Event): void {
    const box = event.target as HTMLInputElement;
    if (box.type === "checkbox" && !box.checked) {
      box.closest(".pick")?.remove();
      this.input.focus();
    }
  }
}

customElements.define("key-picker", KeyPicker);
