// A list of equal rows of which only the visible ones exist. Millions of rows fit: beyond what browsers can scroll, it scales.
const OVERSCAN = 12;
// Browsers clamp an element's height somewhere above this.
const MAX_HEIGHT = 8_000_000;

export class VirtualList {
  private readonly spacer = document.createElement("div");
  private readonly window = document.createElement("div");
  private total = 0;
  private frame = 0;
  private drawn: [number, number] = [0, 0];

  constructor(
    readonly scroller: HTMLElement,
    readonly rowHeight: number,
    private readonly draw: (index: number) => HTMLElement,
    private readonly onRange: (first: number, last: number) => void = () => undefined,
  ) {
    this.spacer.className = "virtual-spacer";
    this.window.className = "virtual-window";
    this.spacer.append(this.window);
    scroller.append(this.spacer);
    scroller.addEventListener("scroll", () => this.schedule(), { passive: true });
    new ResizeObserver(() => this.refresh()).observe(scroller);
  }

  get count(): number {
    return this.total;
  }

  setCount(count: number): void {
    this.total = count;
    this.spacer.style.height = `${this.height()}px`;
    this.refresh();
  }

  // Draw what is visible again, at once.
  refresh(): void {
    this.drawn = [-1, -1];
    this.paint();
  }

  range(): [first: number, last: number] {
    const visible = Math.ceil(this.scroller.clientHeight / this.rowHeight);
    const first = Math.floor(this.topRow());
    return [Math.max(0, first), Math.min(this.total, first + visible + 1)];
  }

  atEnd(): boolean {
    return this.scroller.scrollTop + this.scroller.clientHeight >= this.scroller.scrollHeight - this.rowHeight * 2;
  }

  toEnd(): void {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.paint();
  }

  toRow(index: number, align: "centre" | "nearest" = "centre"): void {
    const visible = this.scroller.clientHeight / this.rowHeight;
    const top = this.topRow();
    if (align === "nearest" && index >= top + 1 && index < top + visible - 2) return;
    const wanted = Math.max(0, index - (align === "centre" ? visible / 2 : index < top + 1 ? 1 : visible - 2));
    this.scroller.scrollTop = wanted * this.rowHeight * this.scale();
    this.paint();
  }

  private height(): number {
    return Math.min(this.total * this.rowHeight, MAX_HEIGHT);
  }

  // Scrolled pixels per pixel of rows: 1 until the list is too high for a browser.
  private scale(): number {
    const real = this.total * this.rowHeight - this.scroller.clientHeight;
    const scrolled = this.height() - this.scroller.clientHeight;
    return real > 0 && scrolled > 0 ? scrolled / real : 1;
  }

  private topRow(): number {
    return this.scroller.scrollTop / this.scale() / this.rowHeight;
  }

  private schedule(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  private paint(): void {
    const [first, last] = this.range();
    const from = Math.max(0, first - OVERSCAN);
    const to = Math.min(this.total, last + OVERSCAN);
    const shift = this.scroller.scrollTop - (this.topRow() - from) * this.rowHeight;
    this.window.style.transform = `translateY(${Math.max(0, shift)}px)`;
    if (from === this.drawn[0] && to === this.drawn[1]) return;
    this.drawn = [from, to];
    const rows: HTMLElement[] = [];
    for (let index = from; index < to; index += 1) rows.push(this.draw(index));
    this.window.replaceChildren(...rows);
    this.onRange(from, to);
  }
}
