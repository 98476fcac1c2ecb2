// `<tag-rows>`: as many rows for tags as somebody needs; empty ones count for nothing.
import { h } from "../dom.ts";
import { smallButton } from "./scalars.ts";

class TagRows extends HTMLElement {
  connectedCallback(): void {
    if (!this.querySelector("button")) this.append(smallButton("Add a tag", () => this.add()));
  }

  private add(): void {
    const number = this.querySelectorAll(".tag-row").length + 1;
    const input = (name: string, word: string) => h("input", { class: "input", name, "aria-label": `${word} of tag ${number}`, placeholder: word.toLowerCase(), autocomplete: "off", spellcheck: "false" });
    const row = h("div", { class: "tag-row" }, input("tag_name", "Name"), input("tag_value", "Value"));
    this.querySelector("button")?.before(row);
    row.querySelector("input")?.focus();
  }
}

customElements.define("tag-rows", TagRows);
