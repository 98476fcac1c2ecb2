// A part that htmx could not fetch: say so where people look, and heal with the next success.
import { showConnection } from "./live/connection.ts";

export function startPartErrors(): void {
  document.body.addEventListener("htmx:sendError", () => showConnection("The control plane does not answer. Trying again.", "warn"));
  document.body.addEventListener("htmx:responseError", (event) => {
    const request = (event as CustomEvent<{ xhr: XMLHttpRequest }>).detail.xhr;
    showConnection(request.responseText.slice(0, 200) || `The control plane answered ${request.status}.`, "failed");
  });
  document.body.addEventListener("htmx:afterOnLoad", () => showConnection(null));
}
