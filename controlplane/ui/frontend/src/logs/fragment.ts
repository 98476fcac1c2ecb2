// `#L10` and `#L10-L20`: lines in the address, counted from 1.
export interface LineRange {
  first: number;
  last: number;
}

export function readFragment(hash: string): LineRange | null {
  const match = /^#L(\d{1,12})(?:-L(\d{1,12}))?$/.exec(hash);
  if (!match) return null;
  const [from, to] = [Number(match[1]), Number(match[2] ?? match[1])];
  return { first: Math.min(from, to), last: Math.max(from, to) };
}

export function writeFragment(range: LineRange): string {
  return range.first === range.last ? `#L${range.first}` : `#L${range.first}-L${range.last}`;
}
