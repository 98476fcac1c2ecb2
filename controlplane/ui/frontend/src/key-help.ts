// What the keys do, in a dialog.
import { h } from "./dom.ts";
import { GO } from "./keys.ts";

const KEYS: [keys: string[], meaning: string][] = [
  [["/"], "Find a page, an asset, a job or a run"],
  [["Ctrl", "K"], "The same"],
  [["?"], "This help"],
  [["j"], "Next row of a list"],
  [["k"], "Previous row of a list"],
  [["x"], "Choose the row"],
  [["Enter"], "Open the row"],
  [["Esc"], "Close what is open"],
];

export function openKeyHelp(): boolean {
  const list = h("dl", {});
  const goes = Object.entries(GO).map(([key, [, label]]): [string[], string] => [["g", key], `Go to ${label}`]);
  for (const [keys, meaning] of [...KEYS, ...goes]) {
    list.append(h("dt", {}, ...keys.map((key) => h("kbd", {}, key))), h("dd", {}, meaning));
  }
  const dialog = h("dialog", { class: "key-help", "aria-label": "Keys" }, h("h2", {}, "Keys"), list);
  dialog.append(h("button", { class: "button", onclick: () => dialog.close() }, "Close"));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return true;
}
