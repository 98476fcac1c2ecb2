// Partitions as a strip of squares, one for each, or for several when there are more than fit. The table below is its twin.
import { attribute, h, onSchemeChange, tokenColour } from "./dom.ts";

interface Partitions {
  keys: string[];
  // One letter for each key: m(aterialized), f(ailed), i(n progress), anything else missing.
  states: string;
}

const ROW = 22;
const LEAST_WIDTH = 3;
const MOST_WIDTH = 22;
const RANK = "fim-";

class PartitionMap extends HTMLElement {
  private data: Partitions = { keys: [], states: "" };
  private perCell = 1;
  private stops: (() => void)[] = [];
  private readonly canvas = h("canvas", { class: "partition-canvas", "aria-hidden": "true" });
  private readonly readout = h("div", { class: "small muted partition-readout" }, "\u00a0");

  connectedCallback(): void {
    const source = document.getElementById(attribute(this, "data-values"));
    this.data = JSON.parse(source?.textContent ?? '{"keys":[],"states":""}') as Partitions;
    this.replaceChildren(this.canvas, this.readout);
    const resized = new ResizeObserver(() => this.draw());
    resized.observe(this);
    this.stops = [() => resized.disconnect(), onSchemeChange(() => this.draw())];
    this.canvas.addEventListener("mousemove", (event) => this.say(event));
    this.canvas.addEventListener("click", (event) => this.open(event));
  }

  disconnectedCallback(): void {
    this.stops.forEach((stop) => stop());
  }

  private cellWidth(): number {
    return Math.min(MOST_WIDTH, this.clientWidth / Math.max(1, Math.ceil(this.data.keys.length / this.perCell)));
  }

  private draw(): void {
    const ratio = devicePixelRatio || 1;
    this.perCell = Math.max(1, Math.ceil((this.data.keys.length * LEAST_WIDTH) / Math.max(1, this.clientWidth)));
    [this.canvas.width, this.canvas.height] = [this.clientWidth * ratio, ROW * ratio];
    this.canvas.style.height = `${ROW}px`;
    const context = this.canvas.getContext("2d");
    if (!context) return;
    context.scale(ratio, ratio);
    const colours: Record<string, string> = { m: tokenColour("ok"), f: tokenColour("bad"), i: tokenColour("running"), "-": tokenColour("surface-3") };
    const width = this.cellWidth();
    const gap = width > 5 ? 1 : 0;
    for (let cell = 0; cell * this.perCell < this.data.keys.length; cell += 1) {
      context.fillStyle = colours[this.worst(cell)] ?? "#888";
      context.fillRect(cell * width, 0, width - gap, ROW);
    }
  }

  // A cell for several partitions shows the one that most needs eyes.
  private worst(cell: number): string {
    const states = this.data.states.slice(cell * this.perCell, (cell + 1) * this.perCell);
    const missing = /[^fim]/.test(states);
    return [...RANK].find((state) => states.includes(state) && !(state === "m" && missing)) ?? "-";
  }

  private cellAt(event: MouseEvent): number | null {
    const first = Math.floor(event.offsetX / this.cellWidth()) * this.perCell;
    return first < this.data.keys.length ? first : null;
  }

  private say(event: MouseEvent): void {
    const first = this.cellAt(event);
    if (first === null) return void (this.readout.textContent = "\u00a0");
    const last = Math.min(first + this.perCell, this.data.keys.length) - 1;
    const words: Record<string, string> = { m: "materialized", f: "failed", i: "in progress", "-": "missing" };
    const name = first === last ? this.data.keys[first] : `${this.data.keys[first]} to ${this.data.keys[last]}`;
    this.readout.textContent = `${name}: ${words[this.worst(Math.floor(first / this.perCell))] ?? ""}`;
  }

  private open(event: MouseEvent): void {
    const first = this.cellAt(event);
    if (first === null) return;
    const url = new URL(location.href);
    url.searchParams.set("partition", this.data.keys[first] ?? "");
    location.assign(url);
  }
}

customElements.define("partition-map", PartitionMap);
