// The heat map as the server sends it, and what a rectangle of its cells stands for.
export interface Axis {
  name: string;
  count: number;
  first: number;
  last: number;
  per_cell: number;
  labels: [string, string][];
}

export interface Cells {
  columns: Axis;
  rows: Axis | null;
  cells: number[][][];
  statuses: string[];
  failed_runs: Record<string, string>;
}

// Both corners included.
export interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export function boxOf(a: { column: number; row: number }, b: { column: number; row: number }, wraps: boolean): Box {
  // Cells of one dimension run on from line to line: between two of them lie all in between, which is one row of the data.
  const [top, bottom] = wraps ? [0, 0] : [Math.min(a.row, b.row), Math.max(a.row, b.row)];
  return { left: Math.min(a.column, b.column), right: Math.max(a.column, b.column), top, bottom };
}

export function countsIn(cells: Cells, box: Box): number[] {
  const sums = cells.statuses.map(() => 0);
  for (let row = box.top; row <= box.bottom; row += 1) {
    for (let column = box.left; column <= box.right; column += 1) {
      cells.cells[row]?.[column]?.forEach((count, at) => (sums[at] = (sums[at] ?? 0) + count));
    }
  }
  return sums;
}

export function firstAndLast(cells: Cells, box: Box): [string, string] {
  const first = cells.columns.labels[box.left]?.[0] ?? "";
  const last = cells.columns.labels[box.right]?.[1] ?? "";
  if (!cells.rows) return [first, last];
  return [`${first}|${cells.rows.labels[box.top]?.[0] ?? ""}`, `${last}|${cells.rows.labels[box.bottom]?.[1] ?? ""}`];
}

export function failedRun(cells: Cells, box: Box): string | null {
  for (let row = box.top; row <= box.bottom; row += 1) {
    for (let column = box.left; column <= box.right; column += 1) {
      const run = cells.failed_runs[`${row}:${column}`];
      if (run) return run;
    }
  }
  return null;
}

function positions(axis: Axis, from: number, to: number): string {
  const last = Math.min(axis.first + (to + 1) * axis.per_cell - 1, axis.last);
  return `${axis.first + from * axis.per_cell}-${last}`;
}

export function windowOf(cells: Cells, box: Box): { columns: string; rows: string | null } {
  return { columns: positions(cells.columns, box.left, box.right), rows: cells.rows ? positions(cells.rows, box.top, box.bottom) : null };
}

export function isWhole(cells: Cells): boolean {
  const whole = (axis: Axis | null): boolean => !axis || (axis.first === 0 && axis.last >= axis.count - 1);
  return whole(cells.columns) && whole(cells.rows);
}
