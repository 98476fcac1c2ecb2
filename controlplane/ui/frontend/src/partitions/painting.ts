// Cells on a canvas. A cell for several partitions is filled in proportion, the failed at the bottom; failed ones are struck out too.
import { tokenColour } from "../dom.ts";
import type { Box, Cells } from "./cells.ts";

const LEAST = 8;
const MOST = 20;
// What one dimension should take of the page, in square pixels of its width.
const HEIGHT = 220;
const TOKENS: Record<string, string> = { failed: "bad", in_progress: "running", queued: "queued", materialized: "ok", missing: "surface-3" };
// From the bottom up: what most needs eyes first.
const ORDER = ["failed", "in_progress", "queued", "missing", "materialized"];

export interface Layout {
  across: number;
  lines: number;
  width: number;
  height: number;
}

export function layoutOf(cells: Cells, width: number): Layout {
  const count = cells.columns.labels.length;
  if (cells.rows) return { across: count, lines: cells.rows.labels.length, width: Math.min(MOST * 2, width / Math.max(1, count)), height: 16 };
  const size = Math.max(LEAST, Math.min(MOST, Math.sqrt((width * HEIGHT) / Math.max(1, count))));
  const across = Math.max(1, Math.floor(width / size));
  return { across, lines: Math.max(1, Math.ceil(count / across)), width: width / Math.max(across, 1), height: size };
}

export function place(cells: Cells, layout: Layout, column: number, row: number): { x: number; y: number } {
  const [across, down] = cells.rows ? [column, row] : [column % layout.across, Math.floor(column / layout.across)];
  return { x: across * layout.width, y: down * layout.height };
}

export function paint(context: CanvasRenderingContext2D, cells: Cells, layout: Layout, chosen: Box | null): void {
  const colours = new Map(Object.entries(TOKENS).map(([status, token]) => [status, tokenColour(token)]));
  const [line, accent] = [tokenColour("surface"), tokenColour("accent")];
  const gap = layout.width > 5 ? 1 : 0;
  cells.cells.forEach((row, at) =>
    row.forEach((counts, column) => {
      const { x, y } = place(cells, layout, column, at);
      fill(context, cells.statuses, counts, colours, [x, y, layout.width - gap, layout.height - gap]);
      if (counts[cells.statuses.indexOf("failed")]) strike(context, line, [x, y, layout.width - gap, layout.height - gap]);
      if (chosen && column >= chosen.left && column <= chosen.right && at >= chosen.top && at <= chosen.bottom) {
        context.strokeStyle = accent;
        context.lineWidth = 2;
        context.strokeRect(x + 1, y + 1, Math.max(1, layout.width - gap - 2), layout.height - gap - 2);
      }
    }),
  );
}

type Rectangle = [number, number, number, number];

function fill(context: CanvasRenderingContext2D, statuses: string[], counts: number[], colours: Map<string, string>, [x, y, width, height]: Rectangle): void {
  const total = counts.reduce((sum, count) => sum + count, 0) || 1;
  let bottom = y + height;
  for (const status of ORDER) {
    const count = counts[statuses.indexOf(status)] ?? 0;
    if (!count) continue;
    // One failed partition of a thousand is seen too.
    const share = status === "materialized" ? bottom - y : Math.max((count / total) * height, status === "failed" ? 4 : 2);
    const tall = Math.min(share, bottom - y);
    context.fillStyle = colours.get(status) ?? "#888";
    context.fillRect(x, bottom - tall, width, tall);
    bottom -= tall;
  }
}

function strike(context: CanvasRenderingContext2D, colour: string, [x, y, width, height]: Rectangle): void {
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x, y + height);
  context.lineTo(x + Math.min(width, height), y + Math.max(0, height - width));
  context.stroke();
}
