// Pointer, wheel, touch and keys on the canvas.
import type { AssetLineage } from "./element.ts";
import type { GraphNode } from "./graph.ts";

// A press that moves less is a click.
const CLICK_PX = 4;
const PAN_PX = 60;

export function listenCanvas(lineage: AssetLineage): void {
  const canvas = lineage.canvas;
  canvas.addEventListener("wheel", (event) => onWheel(lineage, event), { passive: false });
  canvas.addEventListener("keydown", (event) => {
    if (onKey(lineage, event)) {
      event.preventDefault();
      event.stopPropagation();
    }
  });
  canvas.addEventListener("dblclick", (event) => {
    const node = nodeAt(lineage, event);
    if (node) location.assign(node.url);
  });
  listenPointers(lineage);
}

function listenPointers(lineage: AssetLineage): void {
  const canvas = lineage.canvas;
  const pointers = new Map<number, PointerEvent>();
  let moved = 0;
  canvas.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, event);
    canvas.setPointerCapture(event.pointerId);
    moved = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return hover(lineage, event);
    const [dx, dy] = [event.offsetX - last.offsetX, event.offsetY - last.offsetY];
    moved += Math.abs(dx) + Math.abs(dy);
    const other = [...pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
    if (other) lineage.zoom(distance(event, other) / Math.max(1, distance(last, other)), event.offsetX, event.offsetY);
    else lineage.view.pan(dx, dy);
    pointers.set(event.pointerId, event);
    lineage.draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    pointers.delete(event.pointerId);
    if (moved < CLICK_PX) lineage.choose(nodeAt(lineage, event), false);
  });
  canvas.addEventListener("pointercancel", (event) => pointers.delete(event.pointerId));
}

function distance(a: PointerEvent, b: PointerEvent): number {
  return Math.hypot(a.offsetX - b.offsetX, a.offsetY - b.offsetY);
}

function nodeAt(lineage: AssetLineage, event: MouseEvent): GraphNode | null {
  return lineage.graph.at(...lineage.view.toGraph(event.offsetX, event.offsetY));
}

function hover(lineage: AssetLineage, event: PointerEvent): void {
  const node = nodeAt(lineage, event);
  if (node === lineage.hovered) return;
  lineage.hovered = node;
  lineage.canvas.style.cursor = node ? "pointer" : "grab";
  lineage.canvas.title = node ? `${node.key}\n${node.word}` : "";
  lineage.draw();
}

function onWheel(lineage: AssetLineage, event: WheelEvent): void {
  event.preventDefault();
  if (event.shiftKey) lineage.view.pan(-event.deltaY, 0);
  else lineage.view.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), event.offsetX, event.offsetY);
  lineage.draw();
}

function onKey(lineage: AssetLineage, event: KeyboardEvent): boolean {
  const { chosen, graph } = lineage;
  switch (event.key) {
    case "+":
    case "=":
      lineage.zoom(1.3);
      return true;
    case "-":
      lineage.zoom(1 / 1.3);
      return true;
    case "0":
    case "f":
      lineage.fit();
      return true;
    case "Enter":
      if (chosen) location.assign(chosen.url);
      return chosen !== null;
    case "Escape":
      lineage.choose(null, false);
      return true;
    case "ArrowLeft":
    case "ArrowRight":
    case "ArrowUp":
    case "ArrowDown":
      if (!chosen) pan(lineage, event.key);
      else {
        const next = neighbour(chosen, event.key, graph.nodes);
        if (next) lineage.choose(next, true);
      }
      return true;
    default:
      return false;
  }
}

function pan(lineage: AssetLineage, key: string): void {
  const [x, y] = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[key] ?? [0, 0];
  lineage.view.pan((x ?? 0) * PAN_PX, (y ?? 0) * PAN_PX);
  lineage.draw();
}

// Left and right follow edges to the nearest asset, up and down stay in the column.
function neighbour(from: GraphNode, key: string, nodes: GraphNode[]): GraphNode | null {
  const sideways = { ArrowLeft: from.upstream, ArrowRight: from.downstream }[key];
  const candidates = sideways ? sideways.map((index) => nodes[index]) : nodes.filter((node) => node.x === from.x && (key === "ArrowUp" ? node.y < from.y : node.y > from.y));
  const near = (node: GraphNode) => Math.abs(node.y - from.y);
  return candidates.filter((node): node is GraphNode => node !== undefined).sort((a, b) => near(a) - near(b))[0] ?? null;
}
