// Lines of one captured stream by number, fetched in blocks and kept; knows how far the stream has grown.
import { getJson, withQuery } from "../http.ts";
import { inTurn } from "../live/turns.ts";

export interface Lines {
  from: number;
  lines: string[];
  total: number;
  final: boolean;
  notice: string;
}

// Every occurrence is counted; the first thousand are listed, by their line.
export interface Found {
  count: number;
  lines: number[];
}

const BLOCK = 500;
const KEPT_BLOCKS = 200;

export class LogSource {
  total = 0;
  final = false;
  notice = "";
  private blocks = new Map<number, string[]>();
  private asked = new Set<number>();

  constructor(
    private readonly address: string,
    private readonly onChange: () => void,
  ) {}

  line(index: number): string | null {
    return this.blocks.get(Math.floor(index / BLOCK))?.[index % BLOCK] ?? null;
  }

  // Fetch what of these lines is not here.
  need(first: number, last: number): void {
    for (let block = Math.floor(first / BLOCK); block <= Math.floor(Math.max(first, last - 1) / BLOCK); block += 1) {
      const held = this.blocks.get(block);
      const wanted = Math.min(BLOCK, this.total - block * BLOCK);
      if (wanted > 0 && (!held || held.length < wanted)) void this.fetch(block);
    }
  }

  // Ask how far the stream is now; the last line may have grown, so its block is read again.
  readonly grow = inTurn(async () => {
    if (!this.final) await this.read(Math.floor(Math.max(0, this.total - 1) / BLOCK));
  });

  async search(text: string, signal: AbortSignal): Promise<Found> {
    return getJson<Found>(withQuery(this.address.replace("/lines", "/search"), { q: text }), signal);
  }

  private async fetch(block: number): Promise<void> {
    if (this.asked.has(block)) return;
    this.asked.add(block);
    try {
      await this.read(block);
    } finally {
      this.asked.delete(block);
    }
  }

  private async read(block: number): Promise<void> {
    this.keep(block, await getJson<Lines>(withQuery(this.address, { from: block * BLOCK, count: BLOCK })));
  }

  private keep(block: number, answer: Lines): void {
    // A block that was scrolled to may have been read before its last lines came, and arrive after them.
    if (answer.lines.length >= (this.blocks.get(block)?.length ?? 0)) this.blocks.set(block, answer.lines);
    for (const old of this.blocks.keys()) {
      if (this.blocks.size <= KEPT_BLOCKS) break;
      if (old !== block) this.blocks.delete(old);
    }
    this.total = Math.max(this.total, answer.total);
    this.final ||= answer.final;
    this.notice = answer.notice;
    this.onChange();
  }
}
