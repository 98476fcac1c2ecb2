// Custom elements by tag name; each is a bundle of its own, fetched when a page holds its tag.
const LOADERS: Record<string, () => Promise<unknown>> = {
  "asset-lineage": () => import("./lineage/element.ts"),
  "command-palette": () => import("./palette.ts"),
  "config-editor": () => import("./launchpad/element.ts"),
  "event-log": () => import("./events/element.ts"),
  "key-picker": () => import("./launchpad/picker.ts"),
  "live-page": () => import("./live/page.ts"),
  "log-viewer": () => import("./logs/element.ts"),
  "metadata-chart": () => import("./chart.ts"),
  "passkey-form": () => import("./passkeys.ts"),
  "partition-map": () => import("./partitions/map.ts"),
  "poll-part": () => import("./live/poll.ts"),
  "run-timeline": () => import("./timeline/element.ts"),
  "step-gantt": () => import("./gantt/element.ts"),
  "tag-rows": () => import("./launchpad/tag-rows.ts"),
};

export function startElements(): void {
  load(document.body);
  document.body.addEventListener("htmx:load", (event) => {
    if (event.target instanceof HTMLElement) load(event.target);
  });
}

function load(root: HTMLElement): void {
  for (const [tag, loader] of Object.entries(LOADERS)) {
    if (!customElements.get(tag) && (root.localName === tag || root.querySelector(tag))) void loader();
  }
}
