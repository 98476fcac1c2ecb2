// `<button data-copy="text">` copies it; `data-copy-from="#id"` copies that element's text.
import { announce } from "./dom.ts";

const SHOWN_MS = 1500;

export function startCopy(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-copy], [data-copy-from]");
    if (button) void copy(button);
  });
}

async function copy(button: HTMLElement): Promise<void> {
  const from = button.dataset["copyFrom"];
  const text = from ? document.querySelector<HTMLElement>(from)?.innerText : button.dataset["copy"];
  try {
    await navigator.clipboard.writeText(text ?? "");
  } catch {
    announce("The browser does not allow copying here. Select the text and copy it.");
    return;
  }
  button.dataset["copied"] = "";
  announce("Copied");
  setTimeout(() => delete button.dataset["copied"], SHOWN_MS);
}
