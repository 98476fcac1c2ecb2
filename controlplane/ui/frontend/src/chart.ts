// Numeric metadata of an asset over time, with uPlot. The values stay readable as the table below it.
import uPlot from "uplot";
import { attribute, h, onSchemeChange, tokenColour } from "./dom.ts";

interface Series {
  label: string;
  times: number[];
  values: (number | null)[];
}

const HEIGHT = 140;

class MetadataChart extends HTMLElement {
  private plot: uPlot | null = null;
  private observer: ResizeObserver | null = null;
  private stopScheme = () => {};

  connectedCallback(): void {
    this.draw();
    this.stopScheme = onSchemeChange(() => this.draw());
    this.observer = new ResizeObserver(() => this.plot?.setSize({ width: this.clientWidth, height: HEIGHT }));
    this.observer.observe(this);
  }

  disconnectedCallback(): void {
    this.observer?.disconnect();
    this.stopScheme();
    this.plot?.destroy();
  }

  private draw(): void {
    const source = document.getElementById(attribute(this, "data-values"));
    const series = JSON.parse(source?.textContent ?? "null") as Series | null;
    if (!series) return;
    this.plot?.destroy();
    const readout = h("div", { class: "chart-readout muted small" });
    this.replaceChildren();
    this.plot = new uPlot(this.options(series.label, readout), [series.times, series.values], this);
    this.append(readout);
  }

  private options(label: string, readout: HTMLElement): uPlot.Options {
    const [text, line, accent] = [tokenColour("muted"), tokenColour("line"), tokenColour("accent")];
    const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "11px system-ui" };
    return {
      width: this.clientWidth || 300,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, points: { size: 6 } },
      scales: { x: { time: true } },
      axes: [{ ...axis, values: (_plot, times, _axis, _space, step) => times.map((time, index) => clock(time, step, index === 0)) }, { ...axis, size: 64, values: (_plot, values) => values.map((value) => (value === null ? "" : compact(value))) }],
      series: [{}, { label, stroke: accent, width: 1.5, points: { show: true, size: 5, fill: accent, stroke: accent } }],
      hooks: { setCursor: [(plot) => say(plot, readout)] },
    };
  }
}

function say(plot: uPlot, readout: HTMLElement): void {
  const index = plot.cursor.idx;
  if (index === null || index === undefined) return void (readout.textContent = "\u00a0");
  const [time, value] = [plot.data[0][index], plot.data[1]?.[index]];
  readout.textContent = time === undefined || value === null || value === undefined ? "\u00a0" : `${value.toLocaleString("en")} at ${new Date(time * 1000).toLocaleString()}`;
}

// Local time, as fine as the marks are apart; the first mark, and marks of days, say the date.
function clock(time: number, step: number, first: boolean): string {
  const at = new Date(time * 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  if (step >= 86400) return date.slice(first ? 0 : 5);
  const hours = `${two(at.getHours())}:${two(at.getMinutes())}`;
  const text = step >= 60 ? hours : step >= 1 ? `${hours}:${two(at.getSeconds())}` : `${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  return first ? `${text}\n${date}` : text;
}

function compact(value: number): string {
  return new Intl.NumberFormat("en", { notation: Math.abs(value) >= 10_000 ? "compact" : "standard", maximumSignificantDigits: 4 }).format(value);
}

customElements.define("metadata-chart", MetadataChart);
