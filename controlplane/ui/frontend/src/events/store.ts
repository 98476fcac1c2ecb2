// Events of a run by position. Unfiltered, position is `seq - 1`, so any stretch can be fetched; filtered, they come page by page.
import { getJson, withQuery } from "../http.ts";
import { inTurn } from "../live/turns.ts";

export interface RunEvent {
  seq: number;
  at: string;
  type: string;
  level: number;
  step: string | null;
  message: string;
  truncated: boolean;
  detail: boolean;
}

export interface Filter {
  level: string;
  step: string;
  q: string;
}

interface Page {
  events: RunEvent[];
  total: number;
  more: boolean;
}

const BLOCK = 300;

export class EventStore {
  total = 0;
  complete = false;
  private events: (RunEvent | undefined)[] = [];
  private asked = new Set<number>();
  private generation = 0;

  constructor(
    private readonly address: string,
    public filter: Filter,
    private readonly onChange: () => void,
  ) {}

  get filtered(): boolean {
    return Boolean(this.filter.level || this.filter.step || this.filter.q);
  }

  // How many rows there are to show: all, or the matching ones that are known.
  get count(): number {
    return this.filtered ? this.events.length : this.total;
  }

  event(index: number): RunEvent | null {
    return this.events[index] ?? null;
  }

  need(first: number, last: number): void {
    if (this.filtered) {
      if (!this.complete && last >= this.events.length - 20) void this.more();
      return;
    }
    for (let block = Math.floor(first / BLOCK); block <= Math.floor(Math.max(first, last - 1) / BLOCK); block += 1) {
      const end = Math.min(this.total, (block + 1) * BLOCK);
      if (block * BLOCK < end && !this.has(block * BLOCK, end)) void this.block(block);
    }
  }

  // Read what came since. What is asked for meanwhile is read once more: the answer on its way may be older.
  readonly grow = inTurn(async () => {
    if (this.filtered) {
      if (this.complete || !this.events.length) await this.more();
    } else await this.read(Math.floor(this.total / BLOCK));
  });

  async choose(filter: Filter): Promise<void> {
    this.filter = filter;
    this.generation += 1;
    [this.events, this.complete] = [[], false];
    this.asked.clear();
    this.onChange();
    await this.grow();
  }

  private has(from: number, to: number): boolean {
    for (let index = from; index < to; index += 1) if (!this.events[index]) return false;
    return true;
  }

  private async block(block: number): Promise<void> {
    if (this.asked.has(block)) return;
    this.asked.add(block);
    const generation = this.generation;
    try {
      await this.read(block);
    } finally {
      if (generation === this.generation) this.asked.delete(block);
    }
  }

  private async read(block: number): Promise<void> {
    const generation = this.generation;
    const page = await this.page({ after: block * BLOCK, limit: BLOCK });
    if (generation === this.generation) this.keep(page);
  }

  private readonly more = inTurn(async () => {
    const [after, generation] = [this.events.at(-1)?.seq ?? 0, this.generation];
    const page = await this.page({ after, limit: BLOCK });
    // Another filter was chosen meanwhile.
    if (generation !== this.generation) return;
    this.complete = !page.more;
    this.total = page.total;
    this.events.push(...page.events);
    this.onChange();
  });

  private keep(page: Page): void {
    for (const event of page.events) this.events[event.seq - 1] = event;
    this.total = Math.max(this.total, page.total);
    this.onChange();
  }

  private async page(query: Record<string, number>): Promise<Page> {
    return getJson<Page>(withQuery(this.address, { ...this.filter, ...query }));
  }
}
