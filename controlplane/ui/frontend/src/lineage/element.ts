// The lineage page: a canvas to look at and a list to search, about the same nodes and the same selection.
import { announce, attribute, h, onSchemeChange } from "../dom.ts";
import { getJson, withQuery } from "../http.ts";
import { onLive } from "../live/bus.ts";
import { Painter } from "./draw.ts";
import { assetAddress } from "../addresses.ts";
import { Graph, type GraphNode, type Statuses, type Wire } from "./graph.ts";
import { listenCanvas } from "./input.ts";
import { LineageList } from "./list.ts";
import { LineagePanel } from "./panel.ts";
import { View } from "./view.ts";

const REFRESH_MS = 4000;
// A graph that is readable as a whole is shown whole, whatever is chosen.
const WHOLE_SCALE = 0.6;

export class AssetLineage extends HTMLElement {
  readonly view = new View();
  readonly canvas = h("canvas", { class: "lineage-canvas", tabindex: "0", role: "application", "aria-label": "Lineage. Arrows follow the edges, plus and minus zoom, 0 shows all, Enter opens the asset. The list beside it holds the same assets." });
  graph = new Graph({ nodes: [], edges: [] }, () => "");
  chosen: GraphNode | null = null;
  hovered: GraphNode | null = null;
  private painter!: Painter;
  private list!: LineageList;
  private panel!: LineagePanel;
  private related: Set<number> | null = null;
  private frame = 0;
  private refresh = 0;
  private stops: (() => void)[] = [];

  connectedCallback(): void {
    const context = this.canvas.getContext("2d");
    if (!context) return;
    this.painter = new Painter(context);
    this.list = new LineageList((node) => this.choose(node, true));
    this.panel = new LineagePanel((node) => this.choose(node, true));
    const tools = h("div", { class: "lineage-tools" }, this.tool("Zoom in", "+", () => this.zoom(1.3)), this.tool("Zoom out", "−", () => this.zoom(1 / 1.3)), this.tool("Show all", "Fit", () => this.fit()));
    this.replaceChildren(this.list.element, h("div", { class: "lineage-stage" }, this.canvas, tools, this.panel.element));
    listenCanvas(this);
    const resized = new ResizeObserver(() => this.resize());
    resized.observe(this.canvas);
    this.stops = [() => resized.disconnect(), onSchemeChange(() => this.recolour()), onLive(["runs"], () => this.later())];
    void this.load().then(() => this.first());
  }

  disconnectedCallback(): void {
    this.stops.forEach((stop) => stop());
    clearTimeout(this.refresh);
  }

  private tool(label: string, text: string, act: () => void): HTMLElement {
    return h("button", { class: "button button-small", type: "button", title: label, "aria-label": label, onclick: act }, text);
  }

  private async load(): Promise<void> {
    const [wire, statuses, changes] = await Promise.all([getJson<Wire>(attribute(this, "data-graph")), getJson<Statuses>(attribute(this, "data-statuses")), this.changes()]);
    for (const node of wire.nodes) node.change ??= changes.get(node.key) ?? null;
    const chosen = this.chosen?.key;
    const assets = attribute(this, "data-assets");
    this.graph = new Graph(wire, (key) => assetAddress(assets, key));
    this.graph.setStatuses(statuses);
    this.list.show(this.graph);
    if (chosen) this.choose(this.graph.byKey(chosen), false);
    this.draw();
  }

  // What a branch did to each asset, by key; empty elsewhere, and for whoever may not compare it with its base.
  private async changes(): Promise<Map<string, Wire["nodes"][number]["change"]>> {
    const address = this.dataset["changes"];
    if (!address) return new Map();
    const { nodes } = await getJson<Wire>(address).catch((): Wire => ({ nodes: [], edges: [] }));
    return new Map(nodes.map((node) => [node.key, node.change]));
  }

  private first(): void {
    this.resize();
    this.fit();
    const named = new URL(location.href).searchParams.get("asset");
    const node = named === null ? null : this.graph.byKey(named);
    if (node) this.choose(node, this.view.scale < WHOLE_SCALE);
    this.dataset["ready"] = String(this.graph.nodes.length);
  }

  private later(): void {
    this.refresh ||= window.setTimeout(() => {
      this.refresh = 0;
      void this.load();
    }, REFRESH_MS);
  }

  choose(node: GraphNode | null, show: boolean): void {
    this.chosen = node;
    this.related = node && new Set([...this.graph.reach(node, "upstream"), ...this.graph.reach(node, "downstream")]);
    this.list.choose(node);
    this.panel.show(this.graph, node);
    history.replaceState(history.state, "", withQuery(location.href, { asset: node?.key }));
    if (node && show) {
      this.view.scale = Math.max(this.view.scale, 0.7);
      [this.view.x, this.view.y] = [node.x + 92, node.y + 19];
    }
    if (node) announce(`${node.key}, ${node.word}`);
    this.draw();
  }

  zoom(factor: number, x?: number, y?: number): void {
    this.view.zoom(factor, x, y);
    this.draw();
  }

  fit(): void {
    this.view.fit(...this.graph.size());
    this.draw();
  }

  draw(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.painter.paint(this.graph, this.view, { chosen: this.chosen, hovered: this.hovered, related: this.related });
    });
  }

  private recolour(): void {
    this.painter.readColours();
    this.draw();
  }

  private resize(): void {
    const ratio = devicePixelRatio || 1;
    [this.view.width, this.view.height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    [this.canvas.width, this.canvas.height] = [this.view.width * ratio, this.view.height * ratio];
    this.draw();
  }
}

customElements.define("asset-lineage", AssetLineage);
