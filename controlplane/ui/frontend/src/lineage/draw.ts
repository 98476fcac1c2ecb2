// Drawing the graph on a canvas: only what is in view, less of it the further away one is.
import { tokenColour } from "../dom.ts";
import { NODE_HEIGHT, NODE_WIDTH, type Graph, type GraphNode } from "./graph.ts";
import type { View } from "./view.ts";

export interface Highlight {
  chosen: GraphNode | null;
  hovered: GraphNode | null;
  related: Set<number> | null;
}

// Below these scales text, then curves, cannot be told apart any more.
const TEXT_SCALE = 0.42;
const CURVE_SCALE = 0.22;
const FONT = "500 12px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
const SMALL = "11px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

const CHANGE_TOKENS: Record<string, string> = { added: "ok", changed: "warn", removed: "bad", affected: "running" };
const TROUBLE_TOKENS: Record<string, string> = { DEGRADED: "bad", WARNING: "warn", unsynced: "warn" };
const STATUS_TOKENS: Record<string, string> = { materialized: "ok", failed: "bad", in_progress: "running", queued: "queued", missing: "line-strong" };

export class Painter {
  private colours: Record<string, string> = {};
  private readonly labels = new Map<number, [string, string]>();

  constructor(private readonly context: CanvasRenderingContext2D) {
    this.readColours();
  }

  readColours(): void {
    for (const name of ["surface", "surface-2", "text", "muted", "line", "line-strong", "accent", "accent-soft", "ok", "bad", "running", "queued", "warn"]) this.colours[name] = tokenColour(name);
  }

  paint(graph: Graph, view: View, highlight: Highlight): void {
    const ratio = devicePixelRatio || 1;
    const context = this.context;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    const scale = ratio * view.scale;
    context.setTransform(scale, 0, 0, scale, ratio * (view.width / 2 - view.x * view.scale), ratio * (view.height / 2 - view.y * view.scale));
    this.edges(graph, view, highlight);
    const [left, top, right, bottom] = view.bounds();
    for (const node of graph.nodes) {
      if (node.x > right || node.y > bottom || node.x + NODE_WIDTH < left || node.y + NODE_HEIGHT < top) continue;
      this.node(node, view.scale, highlight);
    }
    context.globalAlpha = 1;
  }

  private edges(graph: Graph, view: View, highlight: Highlight): void {
    const [plain, related] = [new Path2D(), new Path2D()];
    const [left, top, right, bottom] = view.bounds();
    for (const [from, to] of graph.edges) {
      const [a, b] = [graph.nodes[from], graph.nodes[to]];
      if (!a || !b) continue;
      if (Math.max(a.x, b.x) + NODE_WIDTH < left || Math.min(a.x, b.x) > right || Math.max(a.y, b.y) + NODE_HEIGHT < top || Math.min(a.y, b.y) > bottom) continue;
      const isRelated = highlight.related?.has(from) && highlight.related.has(to);
      edge(isRelated ? related : plain, a, b, view.scale > CURVE_SCALE);
    }
    this.context.lineWidth = Math.max(1, 0.7 / view.scale);
    this.context.globalAlpha = highlight.related ? 0.35 : view.scale > CURVE_SCALE ? 1 : 0.6;
    this.context.strokeStyle = this.colour(view.scale > CURVE_SCALE ? "line-strong" : "line");
    this.context.stroke(plain);
    this.context.globalAlpha = 1;
    this.context.lineWidth = Math.max(1.6, 1.4 / view.scale);
    this.context.strokeStyle = this.colour("accent");
    this.context.stroke(related);
  }

  private node(node: GraphNode, scale: number, highlight: Highlight): void {
    const context = this.context;
    const chosen = node === highlight.chosen;
    const colour = this.colour(STATUS_TOKENS[node.status] ?? "line-strong");
    context.globalAlpha = highlight.related && !highlight.related.has(node.index) ? 0.3 : 1;
    if (scale < TEXT_SCALE) {
      context.fillStyle = chosen ? this.colour("accent") : colour;
      context.fillRect(node.x, node.y, NODE_WIDTH, NODE_HEIGHT);
      return;
    }
    context.fillStyle = this.colour(chosen ? "accent-soft" : "surface");
    context.strokeStyle = this.colour(chosen || node === highlight.hovered ? "accent" : (CHANGE_TOKENS[node.change] ?? "line-strong"));
    context.lineWidth = chosen || node.change ? 2 : 1;
    context.setLineDash(node.change === "removed" ? [5, 4] : []);
    context.beginPath();
    context.roundRect(node.x, node.y, NODE_WIDTH, NODE_HEIGHT, 6);
    context.fill();
    context.stroke();
    context.setLineDash([]);
    mark(context, node, colour);
    const trouble = troubleToken(node);
    if (trouble) troubleMark(context, node, this.colour(trouble), this.colour("surface"));
    this.text(node);
  }

  private text(node: GraphNode): void {
    const context = this.context;
    const [name, label] = this.label(node);
    // Beside its colour a change has its word, and so has what is wrong.
    const note = node.changeWord || troubleWords(node) || label;
    context.textBaseline = "middle";
    context.font = FONT;
    context.fillStyle = this.colour("text");
    context.fillText(name, node.x + 26, node.y + (note ? 13 : NODE_HEIGHT / 2));
    if (!note) return;
    context.font = SMALL;
    context.fillStyle = this.colour(CHANGE_TOKENS[node.change] ?? troubleToken(node) ?? "muted");
    context.fillText(note, node.x + 26, node.y + 27);
  }

  // Shortened once per node: measuring text is the dearest thing a canvas does.
  private label(node: GraphNode): [string, string] {
    let label = this.labels.get(node.index);
    if (!label) {
      const note = [node.group === "default" ? "" : node.group, ...node.kinds.slice(0, 2)].filter(Boolean).join(" · ");
      label = [this.shorten(node.name, FONT), this.shorten(note, SMALL)];
      this.labels.set(node.index, label);
    }
    return label;
  }

  private shorten(text: string, font: string): string {
    this.context.font = font;
    const room = NODE_WIDTH - 36;
    let shown = text.replace(/[\u0000-\u001f\u202a-\u202e\u2066-\u2069]/g, "\ufffd").slice(0, 80);
    if (this.context.measureText(shown).width <= room && shown.length === text.length) return shown;
    while (shown && this.context.measureText(`${shown}…`).width > room) shown = shown.slice(0, -1);
    return `${shown}…`;
  }

  private colour(name: string): string {
    return this.colours[name] ?? "#888";
  }
}

function edge(path: Path2D, from: GraphNode, to: GraphNode, curved: boolean): void {
  const [x1, y1] = [from.x + NODE_WIDTH, from.y + NODE_HEIGHT / 2];
  const [x2, y2] = [to.x, to.y + NODE_HEIGHT / 2];
  path.moveTo(x1, y1);
  if (!curved) return path.lineTo(x2, y2);
  const bend = Math.max(28, Math.abs(x2 - x1) / 2.4);
  path.bezierCurveTo(x1 + bend, y1, x2 - bend, y2, x2, y2);
}

function troubleWords(node: GraphNode): string {
  return node.troubles.map(([, word]) => word).join(" · ");
}

function troubleToken(node: GraphNode): string | undefined {
  return node.troubles[0] && (TROUBLE_TOKENS[node.troubles[0][0]] ?? "warn");
}

// Above the corner, so that it is seen without reading: a square with a bar when degraded, a triangle for a warning or what is out of sync.
function troubleMark(context: CanvasRenderingContext2D, node: GraphNode, colour: string, background: string): void {
  const [x, y] = [node.x + NODE_WIDTH - 10, node.y];
  context.fillStyle = colour;
  context.strokeStyle = background;
  context.lineWidth = 2;
  context.beginPath();
  if (node.troubles[0]?.[0] === "DEGRADED") context.rect(x - 6, y - 6, 12, 12);
  else {
    context.moveTo(x, y - 8);
    context.lineTo(x + 8, y + 6);
    context.lineTo(x - 8, y + 6);
    context.closePath();
  }
  context.stroke();
  context.fill();
  context.fillStyle = background;
  context.fillRect(x - 1, y - 4, 2, 5);
  context.fillRect(x - 1, y + 2.5, 2, 2);
}

// Status as a shape: a disc when materialized, an octagon's cross when failed, a ring when not yet, a dashed one in the queue, an open one
// on its way.
function mark(context: CanvasRenderingContext2D, node: GraphNode, colour: string): void {
  const [x, y] = [node.x + 14, node.y + NODE_HEIGHT / 2];
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 1.8;
  context.beginPath();
  if (node.status === "failed") {
    context.moveTo(x - 4, y - 4);
    context.lineTo(x + 4, y + 4);
    context.moveTo(x + 4, y - 4);
    context.lineTo(x - 4, y + 4);
    context.stroke();
    return;
  }
  context.arc(x, y, 4.5, 0, node.status === "in_progress" ? Math.PI * 1.5 : Math.PI * 2);
  if (node.status === "materialized") return context.fill();
  if (node.status === "queued") context.setLineDash([2, 1.6]);
  context.stroke();
  context.setLineDash([]);
}
