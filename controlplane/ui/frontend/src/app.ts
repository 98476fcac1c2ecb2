// Entry of every page: what the frame needs at once; elements load when a page has one.
import "htmx.org";
import { startAppearance } from "./appearance.ts";
import { startCopy } from "./copy.ts";
import { startElements } from "./elements.ts";
import { startFilters } from "./filters.ts";
import { startKeys } from "./keys.ts";
import { startMenus } from "./menus.ts";
import { startPartErrors } from "./part-errors.ts";
import { startScrolling } from "./scrolling.ts";
import { startSelection } from "./selection.ts";
import { startTimes } from "./times.ts";

document.documentElement.classList.remove("no-script");
startAppearance();
startCopy();
startMenus();
startScrolling();
startTimes();
startKeys();
startFilters();
startSelection();
startPartErrors();
startElements();
