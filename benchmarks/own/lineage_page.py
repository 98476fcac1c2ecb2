"""The lineage page of 5,000 assets in a browser: until it is drawn and can be used."""

from playwright.sync_api import BrowserContext, Page

from benchmarks.measuring import Values
from benchmarks.own.browser import signed_in
from benchmarks.own.graph import ASSETS, deploy_wide
from benchmarks.progress import say
from benchmarks.statistic import percentile, spread
from benchmarks.system import MeasureError
from tests.installation import Installation

REPEATS = 7
# Before any script of the page: notes when the element said that it is ready and the next frame was drawn.
_WATCH = """
window.interactive = new Promise((resolve) => new MutationObserver((_, observer) => {
  if (!document.querySelector("asset-lineage[data-ready]")) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
}).observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-ready"] }));
"""


def graph_interactive(installation: Installation) -> Values:
    """A new tab each time, with the browser's cache warm, as when somebody clicks on Lineage."""
    deploy_wide(installation)
    with signed_in(installation) as context:
        samples = [_open(installation, context) for _ in range(REPEATS + 1)]
    say(f"Daggerboard: lineage page first {samples[0]:.0f} ms, then {spread(samples[1:])} ms")
    return {"graph_5000_interactive_ms": percentile(samples[1:], 50)}


def _open(installation: Installation, context: BrowserContext) -> float:
    page = context.new_page()
    page.add_init_script(_WATCH)
    page.goto(f"{installation.url}/demo/prod/lineage", wait_until="commit")
    page.locator("asset-lineage[data-ready]").wait_for(timeout=30_000)
    took = float(page.evaluate("window.interactive"))
    _check(page)
    page.close()
    return took


def _check(page: Page) -> None:
    """All assets are there, and one is found and chosen."""
    ready = int(page.locator("asset-lineage").get_attribute("data-ready") or 0)
    if ready < ASSETS:
        raise MeasureError(f"The lineage page has {ready} assets instead of {ASSETS}.")
    search = page.get_by_role("searchbox", name="Search assets")
    search.fill("layer_49_asset_099")
    search.press("Enter")
    page.wait_for_url(lambda url: "asset=" in url, timeout=5_000)
