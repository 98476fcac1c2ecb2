// The appearance form of the account menu, without a reload. The cookie is the same one the server sets.
export function startAppearance(): void {
  document.querySelector("[data-appearance]")?.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLButtonElement>("button[name=theme]");
    if (!button) return;
    event.preventDefault();
    apply(button.value);
    for (const other of button.parentElement?.querySelectorAll("button[name=theme]") ?? []) {
      other.setAttribute("aria-pressed", String(other === button));
    }
  });
}

function apply(theme: string): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `daggerboard_theme=${theme}; path=/; max-age=31536000; SameSite=Lax${secure}`;
}
