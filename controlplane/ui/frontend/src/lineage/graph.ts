// The graph as the API gives it, joined with how each asset stands, and as the page asks about it.
export interface Wire {
  // `change`: what a branch did to it and the word for that, where a branch is compared with its base
  nodes: { key: string; location: string; group: string; kinds: string[]; x: number; y: number; change?: [status: string, word: string] | null }[];
  // indexes of upstream and downstream
  edges: [number, number][];
}

// By asset key: status, health where it is not well, and whether it is out of sync, each with its word; empty where nothing is to say.
export type Statuses = Record<string, [status: string, word: string, health: string, healthWord: string, sync: string, syncWord: string]>;

export interface GraphNode {
  index: number;
  key: string;
  name: string;
  x: number;
  y: number;
  status: string;
  word: string;
  // What is wrong with it, the worst first: status and word of each.
  troubles: [status: string, word: string][];
  group: string;
  kinds: string[];
  location: string;
  change: string;
  changeWord: string;
  url: string;
  upstream: number[];
  downstream: number[];
}

export const NODE_WIDTH = 184;
export const NODE_HEIGHT = 38;
const UNKNOWN = { status: "missing", word: "Missing" };
const COLUMN = 252;
const ROW = 54;

export class Graph {
  readonly nodes: GraphNode[];
  readonly edges: [number, number][];

  constructor(wire: Wire, addressOf: (key: string) => string) {
    this.nodes = wire.nodes.map(({ key, location, group, kinds, x, y, change }, index) => ({
      index, key, location, group, kinds, change: change?.[0] ?? "", changeWord: change?.[1] ?? "", name: lastPart(key), x: x * COLUMN, y: y * ROW, url: addressOf(key), ...UNKNOWN, troubles: [], upstream: [], downstream: [],
    }));
    this.edges = wire.edges;
    for (const [from, to] of wire.edges) {
      this.nodes[from]?.downstream.push(to);
      this.nodes[to]?.upstream.push(from);
    }
  }

  setStatuses(statuses: Statuses): void {
    for (const node of this.nodes) {
      const [status, word, health, healthWord, sync, syncWord] = statuses[node.key] ?? [UNKNOWN.status, UNKNOWN.word, "", "", "", ""];
      [node.status, node.word] = [status, word];
      node.troubles = [[health, healthWord], [sync, syncWord]].filter((one): one is [string, string] => Boolean(one[0]));
    }
  }

  at(x: number, y: number): GraphNode | null {
    return this.nodes.find((node) => x >= node.x && x <= node.x + NODE_WIDTH && y >= node.y && y <= node.y + NODE_HEIGHT) ?? null;
  }

  byKey(key: string): GraphNode | null {
    return this.nodes.find((node) => node.key === key) ?? null;
  }

  // Everything up or down from a node, with it.
  reach(start: GraphNode, direction: "upstream" | "downstream"): Set<number> {
    const seen = new Set([start.index]);
    const front = [start.index];
    for (let index = front.pop(); index !== undefined; index = front.pop()) {
      for (const next of this.nodes[index]?.[direction] ?? []) {
        if (seen.has(next)) continue;
        seen.add(next);
        front.push(next);
      }
    }
    return seen;
  }

  search(text: string): GraphNode[] {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.nodes.filter((node) => words.every((word) => `${node.key} ${node.group} ${node.kinds.join(" ")} ${node.changeWord} ${node.troubles.map(([, word]) => word).join(" ")}`.toLowerCase().includes(word)));
    return found.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  size(): [width: number, height: number] {
    let [width, height] = [0, 0];
    for (const node of this.nodes) [width, height] = [Math.max(width, node.x), Math.max(height, node.y)];
    return [width + NODE_WIDTH, height + NODE_HEIGHT];
  }
}

function lastPart(key: string): string {
  return key.slice(key.replaceAll("\\/", "\u0000\u0000").lastIndexOf("/") + 1);
}
