// Menus are <details>; a click elsewhere or Escape closes them. On narrow screens the rail opens by its button.
export function startMenus(): void {
  document.addEventListener("click", (event) => closeMenus(event.target as Node));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector<HTMLDetailsElement>("details[data-menu][open]") ?? questionOf(event.target);
    closeMenus(null);
    if (open) open.open = false;
    open?.querySelector("summary")?.focus();
  });
  document.querySelector("[data-rail-toggle]")?.addEventListener("click", (event) => {
    const open = document.querySelector("[data-rail]")?.toggleAttribute("data-open") ?? false;
    (event.currentTarget as Element).setAttribute("aria-expanded", String(open));
  });
}

function closeMenus(except: Node | null): void {
  for (const menu of document.querySelectorAll<HTMLDetailsElement>("details[data-menu][open]")) {
    if (!except || !menu.contains(except)) menu.open = false;
  }
}

// A question that was unfolded before something is changed; it stays open while somebody works elsewhere.
function questionOf(target: EventTarget | null): HTMLDetailsElement | null {
  return target instanceof Element ? target.closest<HTMLDetailsElement>("details:is(.confirm, .confirm-wide)[open]") : null;
}
