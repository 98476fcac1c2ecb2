// The heat map of an asset's partitions: choose a range with the mouse or the keys, look closer, launch it. The table below is its twin.
import { announce, attribute, h, onSchemeChange } from "../dom.ts";
import { getJson, Refused, withQuery } from "../http.ts";
import { boxOf, countsIn, failedRun, firstAndLast, isWhole, windowOf, type Box, type Cells } from "./cells.ts";
import { layoutOf, paint, type Layout } from "./painting.ts";

interface Spot {
  column: number;
  row: number;
}

const WORDS: Record<string, string> = { materialized: "materialized", failed: "failed", in_progress: "in progress", queued: "queued", missing: "missing" };
const HELP = "Heat map of partitions. Arrow keys move, with Shift they choose a range, Enter looks closer, 0 shows all, Escape lets go.";

class PartitionMap extends HTMLElement {
  private cells: Cells | null = null;
  private layout: Layout = { across: 1, lines: 1, width: 1, height: 1 };
  private anchor: Spot | null = null;
  private head: Spot | null = null;
  private stops: (() => void)[] = [];
  private readonly canvas = h("canvas", { class: "partition-canvas", tabindex: 0, role: "application", "aria-label": HELP });
  private readonly readout = h("div", { class: "small partition-readout", "aria-live": "polite" });
  private readonly zoomIn = h("button", { type: "button", class: "button button-small", onclick: () => this.closer() }, "Look closer");
  private readonly zoomOut = h("button", { type: "button", class: "button button-small", onclick: () => void this.load({}) }, "Show all");

  connectedCallback(): void {
    const source = document.getElementById(attribute(this, "data-values"));
    this.cells = JSON.parse(source?.textContent ?? "null") as Cells | null;
    this.replaceChildren(this.canvas, h("div", { class: "partition-bar" }, this.readout, h("span", { class: "partition-actions" }, this.zoomIn, this.zoomOut)));
    const resized = new ResizeObserver(() => this.draw());
    resized.observe(this);
    this.stops = [() => resized.disconnect(), onSchemeChange(() => this.draw())];
    this.canvas.addEventListener("pointerdown", (event) => this.grab(event));
    this.canvas.addEventListener("pointermove", (event) => this.drag(event));
    this.canvas.addEventListener("dblclick", () => this.closer());
    this.canvas.addEventListener("keydown", (event) => this.press(event));
    this.say();
  }

  disconnectedCallback(): void {
    this.stops.forEach((stop) => stop());
  }

  private get chosen(): Box | null {
    return this.cells && this.anchor && this.head ? boxOf(this.anchor, this.head, this.cells.rows === null) : null;
  }

  private draw(): void {
    if (!this.cells) return;
    const ratio = devicePixelRatio || 1;
    this.layout = layoutOf(this.cells, this.clientWidth);
    const height = this.layout.lines * this.layout.height;
    [this.canvas.width, this.canvas.height] = [this.clientWidth * ratio, height * ratio];
    this.canvas.style.height = `${height}px`;
    const context = this.canvas.getContext("2d");
    if (!context) return;
    context.scale(ratio, ratio);
    paint(context, this.cells, this.layout, this.chosen);
  }

  private spotAt(event: PointerEvent): Spot | null {
    const across = Math.floor(event.offsetX / this.layout.width);
    const down = Math.floor(event.offsetY / this.layout.height);
    if (!this.cells || across < 0 || down < 0 || across >= this.layout.across) return null;
    const spot = this.cells.rows ? { column: across, row: down } : { column: down * this.layout.across + across, row: 0 };
    return this.cells.cells[spot.row]?.[spot.column] ? spot : null;
  }

  private grab(event: PointerEvent): void {
    const spot = this.spotAt(event);
    if (spot) this.choose(event.shiftKey && this.anchor ? this.anchor : spot, spot);
  }

  private drag(event: PointerEvent): void {
    const spot = this.spotAt(event);
    if (!spot) return;
    if (event.buttons === 1 && this.anchor) this.choose(this.anchor, spot);
    else this.canvas.title = this.text({ left: spot.column, right: spot.column, top: spot.row, bottom: spot.row });
  }

  private choose(anchor: Spot | null, head: Spot | null): void {
    [this.anchor, this.head] = [anchor, head];
    this.draw();
    this.say();
  }

  private press(event: KeyboardEvent): void {
    const lineStep = this.cells?.rows ? 0 : this.layout.across;
    const steps: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [-lineStep, -1], ArrowDown: [lineStep, 1], Home: [-1e9, 0], End: [1e9, 0],
    };
    const step = steps[event.key];
    if (step) this.step(step, event.shiftKey);
    else if (event.key === "Enter") this.closer();
    else if (event.key === "0") void this.load({});
    else if (event.key === "Escape") this.choose(null, null);
    else return;
    event.preventDefault();
  }

  private step([columns, rows]: [number, number], extend: boolean): void {
    if (!this.cells) return;
    const lastColumn = this.cells.columns.labels.length - 1;
    const lastRow = this.cells.cells.length - 1;
    const from = this.head ?? { column: columns > 0 ? -columns : 0, row: 0 };
    const within = (value: number, last: number): number => Math.max(0, Math.min(last, value));
    const head = { column: within(from.column + columns, lastColumn), row: within(from.row + rows, lastRow) };
    this.choose(extend && this.anchor ? this.anchor : head, head);
  }

  private text(box: Box): string {
    if (!this.cells) return "";
    const [first, last] = firstAndLast(this.cells, box);
    const counts = countsIn(this.cells, box);
    const total = counts.reduce((sum, count) => sum + count, 0);
    const said = this.cells.statuses.flatMap((status, at) => (counts[at] ? [`${counts[at]?.toLocaleString("en")} ${WORDS[status] ?? status}`] : []));
    return first === last ? `${first}: ${said[0]?.replace(/^1 /, "") ?? ""}` : `${first} to ${last}, ${total.toLocaleString("en")} partitions: ${said.join(", ")}`;
  }

  private say(): void {
    const box = this.chosen;
    this.zoomIn.disabled = !box || !this.cells || (this.cells.columns.per_cell === 1 && (this.cells.rows?.per_cell ?? 1) === 1);
    this.zoomOut.hidden = !this.cells || isWhole(this.cells);
    if (!box || !this.cells) {
      const many = this.cells && this.cells.columns.per_cell * (this.cells.rows?.per_cell ?? 1) > 1;
      this.readout.replaceChildren(h("span", { class: "muted" }, many ? "Each cell stands for several partitions. Choose some to look closer." : "Choose partitions to see what they are."));
      return;
    }
    this.readout.replaceChildren(this.text(box), ...this.links(box).flatMap((link) => [" ", link]));
  }

  private links(box: Box): HTMLElement[] {
    if (!this.cells) return [];
    const [first, last] = firstAndLast(this.cells, box);
    const run = failedRun(this.cells, box);
    const launch = attribute(this, first === last ? "data-launch" : "data-backfill");
    const found: HTMLElement[] = [];
    if (run) found.push(h("a", { href: attribute(this, "data-run").replace("00000000-0000-0000-0000-000000000000", run) }, first === last ? "Its run" : "Run of the first that failed"));
    if (first === last) found.push(h("a", { href: withQuery(location.href, { partition: first, status: null, cursor: null }).href }, "In the table"));
    if (launch) found.push(h("a", { href: withQuery(launch, first === last ? { partition: first } : { partitions: `${first}...${last}` }).href }, "Materialize…"));
    return found;
  }

  private closer(): void {
    if (!this.cells || !this.chosen || this.zoomIn.disabled) return;
    void this.load(windowOf(this.cells, this.chosen));
  }

  private async load(window: { columns?: string; rows?: string | null }): Promise<void> {
    try {
      const address = withQuery(attribute(this, "data-source"), { columns: window.columns, rows: window.rows });
      this.cells = await getJson<Cells>(address);
      this.choose(null, null);
      announce("The heat map shows other partitions.");
    } catch (error) {
      this.readout.textContent = error instanceof Refused ? error.message : "The control plane cannot be reached. Try again.";
    }
  }
}

customElements.define("partition-map", PartitionMap);
