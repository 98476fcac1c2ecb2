"""Whether pages are sound: no violation of axe, nothing wider than its screen, nothing cut off, no error and no dialog. One load each."""

from collections.abc import Callable, Iterable

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Dialog, Page, expect

from tests.ui.chromium import ready

# What is wrong at one width or in one scheme is wrong in these two: four looks cost twice as much and found nothing more.
LOOKS = [(1280, "light"), (390, "dark")]
_TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# A box that neither scrolls nor holds what is in it hides the rest for good.
_CUT_OFF = """() => [...document.querySelectorAll("main .table-box")]
    .filter((box) => getComputedStyle(box).overflowX !== "auto" && box.scrollWidth > box.clientWidth + 1)
    .map((box) => box.textContent.trim().slice(0, 60))"""


def unsound(context: BrowserContext, addresses: Iterable[str], *, hostile: bool = False) -> dict[str, list[str]]:
    """What is wrong, by address; empty when all is well. Names without end that somebody made up (`hostile`) may be cut off."""
    page = context.new_page()
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", _noting(said))
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    found = {}
    for address in addresses:
        said.clear()
        page.goto(address)
        found[address] = [*problems(page), *([] if hostile else cut_off(page)), *said]
    page.close()
    return {address: problem for address, problem in found.items() if problem}


def _noting(said: list[str]) -> Callable[[Dialog], None]:
    def note(dialog: Dialog) -> None:
        said.append(f"dialog {dialog.message}")
        dialog.dismiss()

    return note


def problems(page: Page) -> list[str]:
    """What is wrong with the page that is open."""
    if "launchpad" in page.url:
        expect(page.locator(".config-verdict")).not_to_be_empty()
    ready(page)
    wide = page.evaluate(_TOO_WIDE)
    violations = Axe().run(page).response["violations"]
    return [
        *([f"{wide} px too wide"] if wide > 0 else []),
        *(f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in violations),
    ]


def cut_off(page: Page) -> list[str]:
    """The boxes that hide a part of what is in them."""
    return [f"cut off: {text}" for text in page.evaluate(_CUT_OFF)]
