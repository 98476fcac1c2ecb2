// Addresses of assets, as controlplane/ui/links.py makes them: what a browser would fold away goes into the query.
const FOLDED = new Set(["", ".", ".."]);

export function assetAddress(assets: string, key: string): string {
  const parts = key.split("/");
  if (parts.some((part) => FOLDED.has(part))) return `${assets.replace(/assets$/, "asset")}?key=${encodeURIComponent(key)}`;
  return `${assets}/${parts.map(encodeURIComponent).join("/")}`;
}
