// Filter forms: `<form data-filters>` sends itself when a choice changes; htmx replaces the list and the address follows.
import htmx from "htmx.org";

export function startFilters(): void {
  document.addEventListener("change", (event) => {
    const field = event.target as HTMLElement;
    const form = field.closest<HTMLFormElement>("form[data-filters]");
    if (form && field.matches("select, input[type=checkbox], input[type=date]")) htmx.trigger(form, "submit", {});
  });
  // Empty choices stay out of the address.
  document.addEventListener("formdata", (event) => dropEmpty(event.formData, event.target));
  document.addEventListener("htmx:configRequest", (event) => {
    const detail = (event as CustomEvent<{ parameters: Record<string, unknown>; elt: Element }>).detail;
    if (!detail.elt.closest("form[data-filters]")) return;
    for (const [name, value] of Object.entries(detail.parameters)) if (value === "") delete detail.parameters[name];
  });
}

function dropEmpty(data: FormData, form: EventTarget | null): void {
  if (!(form instanceof HTMLElement) || !form.matches("form[data-filters]")) return;
  for (const name of [...data.keys()]) if (data.get(name) === "") data.delete(name);
}
