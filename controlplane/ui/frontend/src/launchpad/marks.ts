// Putting problems where they are: at the field, or at the innermost part of the form that leads to it.
import { h } from "../dom.ts";
import type { Path, Problem } from "./types.ts";

// Returns the problems that belong to no part of the form.
export function markFields(form: HTMLElement, problems: Problem[]): Problem[] {
  for (const marked of form.querySelectorAll("[aria-invalid]")) {
    marked.removeAttribute("aria-invalid");
    marked.removeAttribute("aria-describedby");
  }
  for (const old of form.querySelectorAll("[data-mark]")) old.remove();
  const said = new Set<string>();
  return problems.filter((problem) => {
    const place = JSON.stringify(problem.path.map(String));
    // The first word on a field is the shortest; the user's own dagster often repeats it at length.
    if (said.has(place)) return false;
    said.add(place);
    return !mark(form, problem);
  });
}

function mark(form: HTMLElement, problem: Problem): boolean {
  for (let length = problem.path.length; length > 0; length -= 1) {
    const path = problem.path.slice(0, length);
    const row = find(form, "data-field", path);
    if (!row) continue;
    const rest = problem.path.slice(length).join(".");
    const message = h("div", { class: "field-error", "data-mark": "", id: `mark-${problem.path.join("-")}` }, rest ? `${rest}: ${problem.message}` : problem.message);
    const control = find(form, "data-path", path);
    control?.setAttribute("aria-invalid", "true");
    control?.setAttribute("aria-describedby", message.id);
    (row.querySelector(":scope > .config-control") ?? row).append(message);
    return true;
  }
  return false;
}

function find(form: HTMLElement, attribute: string, path: Path): HTMLElement | null {
  return form.querySelector<HTMLElement>(`[${attribute}="${CSS.escape(JSON.stringify(path.map(String)))}"]`);
}
