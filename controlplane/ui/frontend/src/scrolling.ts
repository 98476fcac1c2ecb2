// Tables that do not fit are scrolled, by keyboard too: then their box can have the focus.
const BOXES = ".table-box:not(.table-scroll)";

export function startScrolling(): void {
  const mark = () => {
    for (const box of document.querySelectorAll<HTMLElement>(BOXES)) {
      const scrolls = box.scrollWidth > box.clientWidth && getComputedStyle(box).overflowX === "auto";
      if (scrolls) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  mark();
  addEventListener("resize", mark);
  document.body.addEventListener("htmx:load", mark);
}
