// The chosen asset: where it stands, and its neighbours as links.
import { h, statusMark } from "../dom.ts";
import type { Graph, GraphNode } from "./graph.ts";

const MOST = 8;

export class LineagePanel {
  readonly element = h("aside", { class: "lineage-panel", hidden: true, "aria-label": "Chosen asset" });

  constructor(private readonly onChoose: (node: GraphNode | null) => void) {}

  show(graph: Graph, node: GraphNode | null): void {
    this.element.hidden = !node;
    if (!node) return this.element.replaceChildren();
    const close = h("button", { class: "copy", type: "button", "aria-label": "Close", title: "Close", onclick: () => this.onChoose(null) }, "✕");
    const head = h("div", { class: "lineage-panel-head" }, h("h2", {}, h("a", { href: node.url, class: "mono wrap-any" }, node.key)), close);
    const facts = h("div", { class: "small muted" }, `${node.group} · ${node.location}${node.kinds.length ? ` · ${node.kinds.join(", ")}` : ""}`);
    const change = node.change ? [statusMark(node.change, node.changeWord)] : [];
    this.element.replaceChildren(head, ...change, statusMark(node.status, node.word), ...node.troubles.map(([status, word]) => statusMark(status, word)), facts, this.neighbours(graph, "Upstream", node.upstream), this.neighbours(graph, "Downstream", node.downstream));
  }

  private neighbours(graph: Graph, title: string, indexes: number[]): HTMLElement {
    const box = h("div", { class: "lineage-neighbours" }, h("h3", {}, `${title} ${indexes.length}`));
    for (const index of indexes.slice(0, MOST)) {
      const node = graph.nodes[index];
      if (node) box.append(h("button", { class: "lineage-neighbour mono", type: "button", title: node.key, onclick: () => this.onChoose(node) }, node.key));
    }
    if (indexes.length > MOST) box.append(h("div", { class: "small muted" }, `and ${indexes.length - MOST} more`));
    return box;
  }
}
