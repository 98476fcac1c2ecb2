// The same assets as a list: searched by typing, moved through with the arrows, read by screen readers.
import { h } from "../dom.ts";
import { VirtualList } from "../virtual/list.ts";
import type { Graph, GraphNode } from "./graph.ts";

const ROW_HEIGHT = 32;

export class LineageList {
  readonly element: HTMLElement;
  private readonly input = h("input", { class: "input", type: "search", placeholder: "Search assets", "aria-label": "Search assets", autocomplete: "off", spellcheck: "false" });
  private readonly count = h("div", { class: "lineage-count muted small", role: "status" });
  private readonly scroller = h("div", { class: "lineage-rows", tabindex: "0", role: "listbox", "aria-label": "Assets" });
  private readonly rows: VirtualList;
  private graph: Graph | null = null;
  private found: GraphNode[] = [];
  private chosen: GraphNode | null = null;

  constructor(private readonly onChoose: (node: GraphNode) => void) {
    this.element = h("div", { class: "lineage-list" }, this.input, this.count, this.scroller);
    this.rows = new VirtualList(this.scroller, ROW_HEIGHT, (index) => this.row(index));
    this.input.addEventListener("input", () => this.filter());
    this.input.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown" && event.key !== "Enter") return;
      event.preventDefault();
      this.scroller.focus();
      this.move(this.found.findIndex((node) => node === this.chosen) < 0 ? 0 : 1);
    });
    this.scroller.addEventListener("keydown", (event) => this.onKey(event));
    this.scroller.addEventListener("click", (event) => {
      const index = (event.target as Element).closest<HTMLElement>("[data-index]")?.dataset["index"];
      const node = index === undefined ? undefined : this.found[Number(index)];
      if (node) this.onChoose(node);
    });
  }

  show(graph: Graph): void {
    this.graph = graph;
    this.filter();
  }

  choose(node: GraphNode | null): void {
    this.chosen = node;
    const index = this.found.findIndex((other) => other.key === node?.key);
    if (index >= 0) this.rows.toRow(index, "nearest");
    this.rows.refresh();
    this.scroller.setAttribute("aria-activedescendant", index >= 0 ? `lineage-row-${index}` : "");
  }

  private filter(): void {
    this.found = this.graph?.search(this.input.value) ?? [];
    const total = this.graph?.nodes.length ?? 0;
    const shown = this.found.length.toLocaleString("en");
    this.count.textContent = this.input.value ? `${shown} of ${total.toLocaleString("en")} assets` : `${shown} asset${total === 1 ? "" : "s"}`;
    this.rows.setCount(this.found.length);
  }

  private onKey(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 }[event.key];
    if (step) this.move(step);
    else if (event.key === "Enter" && this.chosen) location.assign(this.chosen.url);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private move(by: number): void {
    const at = this.found.findIndex((node) => node.key === this.chosen?.key);
    const node = this.found[Math.min(Math.max(at + by, 0), this.found.length - 1)];
    if (node) this.onChoose(node);
  }

  private row(index: number): HTMLElement {
    const node = this.found[index];
    if (!node) return h("div");
    const chosen = node.key === this.chosen?.key;
    return h(
      "div",
      { class: "lineage-row", role: "option", id: `lineage-row-${index}`, "data-index": index, "aria-selected": chosen ? "true" : "false", title: node.key },
      h("span", { class: "status status-icon", "data-status": node.status, role: "img", "aria-label": node.word }),
      h("span", { class: "clip mono" }, node.key),
      ...node.troubles.map(([status, word]) => h("span", { class: "status status-icon lineage-trouble", "data-status": status, role: "img", "aria-label": word, title: word })),
      node.change ? h("span", { class: "status status-icon lineage-change", "data-status": node.change, role: "img", "aria-label": node.changeWord, title: node.changeWord }) : "",
    );
  }
}
