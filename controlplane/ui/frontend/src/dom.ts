// Making elements without markup: text stays text.
type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined | ((event: never) => void)>;

// `h("button", { class: "button", onclick: save }, "Save")`; false, null and undefined attributes and children are left out.
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes?: Attributes, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false));
  return element;
}

export function attribute(element: Element, name: string): string {
  return element.getAttribute(name) ?? "";
}

export function statusMark(status: string, label: string): HTMLElement {
  return h("span", { class: "status", "data-status": status }, label);
}

// A colour token as canvas understands it, in the current scheme.
export function tokenColour(name: string): string {
  const probe = h("span", { hidden: true });
  document.body.append(probe);
  probe.style.color = `var(--${name})`;
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

// Calls back when the scheme changes, by the system or by the menu.
export function onSchemeChange(callback: () => void): () => void {
  const media = matchMedia("(prefers-color-scheme: dark)");
  const observer = new MutationObserver(callback);
  media.addEventListener("change", callback);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  return () => {
    media.removeEventListener("change", callback);
    observer.disconnect();
  };
}

export function announce(text: string): void {
  const region = document.getElementById("announcements");
  if (region) region.textContent = text;
}
