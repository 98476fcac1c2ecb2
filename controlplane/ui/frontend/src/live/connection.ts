// The one line that says whether this page is live. Shown only when it is not.
import { statusMark } from "../dom.ts";

export function showConnection(text: string | null, status = "warn"): void {
  const box = document.querySelector<HTMLElement>("[data-connection]");
  if (!box) return;
  box.hidden = text === null;
  if (text !== null) box.replaceChildren(statusMark(status, text));
}
