"""Headless Chromium from PATH, with the flags that keep it quiet in a closed network."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from controlplane.core.threads import with_connections_returned
from tests.browser.install import find_chromium
from tests.cast import Cast

T = TypeVar("T")

# What a page shows in the end: a machine with much else to do takes its time.
expect.set_options(timeout=60_000)

# Every element of ours has its script.
_IS_BUILT = "() => !document.querySelector(':not(:defined)')"
_STOP_THE_CLOCK = "() => { const now = performance.now(); performance.now = () => now; }"

_FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Root, as in a container, has no sandbox.
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
]


class NoChromiumError(RuntimeError):
    """No Chromium is here: run `make browser`, or set DAGGERBOARD_TEST_CHROMIUM."""


def chromium_path() -> str:
    """Where Chromium is; NoChromiumError says what to do when there is none."""
    found = find_chromium()
    if found is None:
        raise NoChromiumError(NoChromiumError.__doc__)
    return found


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser until the block ends."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def sign_in(context: BrowserContext, address: str, cast: Cast) -> None:
    """Put the owner's session into the browser."""
    session = beside(lambda: cast.signed_in().cookies["daggerboard_session"].value)
    context.add_cookies([{"name": "daggerboard_session", "value": session, "url": address}])


def ready(page: Page) -> Page:
    """Once it has loaded, with the scripts that its elements bring along: from here on it hears keys and clicks."""
    page.wait_for_load_state()
    page.wait_for_function(_IS_BUILT)
    return page


def press_together(page: Page, *keys: str) -> None:
    """Keys that count only when they follow each other within a second: no second goes by for the page meanwhile."""
    page.evaluate(_STOP_THE_CLOCK)
    for key in keys:
        page.keyboard.press(key)


def beside(work: Callable[[], T]) -> T:
    """Do database work while a browser is open: playwright runs an event loop in this thread, where Django refuses to."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(with_connections_returned, work).result()
