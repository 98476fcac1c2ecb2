// Choosing rows of a list: `<form data-selection>` with checkboxes; `x` chooses the row that has the focus.
const FORM = "form[data-selection]";

export function startSelection(): void {
  document.addEventListener("change", (event) => changed(event.target));
  document.addEventListener("submit", keepEmpty, true);
  document.addEventListener("htmx:load", () => forms().forEach(show));
  forms().forEach(show);
}

// The checkbox of the row in which the focus is.
export function toggleRow(): boolean {
  const box = document.activeElement?.closest("tr")?.querySelector<HTMLInputElement>(`${FORM} input[name="run"]`);
  if (!box || box === document.activeElement) return false;
  box.click();
  return true;
}

function forms(): HTMLFormElement[] {
  return [...document.querySelectorAll<HTMLFormElement>(FORM)];
}

function boxes(form: HTMLFormElement): HTMLInputElement[] {
  return [...form.querySelectorAll<HTMLInputElement>('input[name="run"]')];
}

function changed(target: EventTarget | null): void {
  if (!(target instanceof HTMLInputElement)) return;
  const form = target.closest<HTMLFormElement>(FORM);
  if (!form) return;
  if (target.matches("[data-select-page]")) for (const box of boxes(form)) box.checked = target.checked;
  show(form);
}

function show(form: HTMLFormElement): void {
  const all = form.querySelector<HTMLInputElement>("[data-select-all]")?.checked ?? false;
  const chosen = boxes(form).filter((box) => box.checked).length;
  const page = form.querySelector<HTMLInputElement>("[data-select-page]");
  if (page) {
    page.hidden = false;
    page.checked = chosen > 0 && chosen === boxes(form).length;
    page.indeterminate = chosen > 0 && !page.checked;
  }
  for (const button of form.querySelectorAll<HTMLButtonElement>("button[name=kind]")) button.disabled = !all && !chosen;
  const count = form.querySelector("[data-selected-count]");
  if (count) count.textContent = all ? "" : chosen ? `${chosen} chosen` : "Choose runs to do the same to each";
}

// Of all runs of a filter the single ones need no place in the address.
function keepEmpty(event: Event): void {
  if (!(event.target instanceof HTMLFormElement) || !event.target.matches(FORM)) return;
  const form = event.target;
  const all = form.querySelector<HTMLInputElement>("[data-select-all]")?.checked ?? false;
  if (all) for (const box of boxes(form)) box.checked = false;
}
