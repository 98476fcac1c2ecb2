"""A browser, a server and a page per test; whatever the browser complains about fails the test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

if TYPE_CHECKING:
    # Django is set up only after this file was read.
    from tests.cast import Cast


@dataclass
class Visit:
    """A page of a signed-in owner."""

    page: Page
    cast: Cast
    address: str
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str = "") -> Page:
        """Open a page of the deployment."""
        from tests.ui.chromium import ready

        self.page.goto(f"{self.address}/{self.cast.org.slug}/{self.cast.deployment.name}/{path}")
        return ready(self.page)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from tests.ui.chromium import browsing

    with browsing() as opened:
        yield opened


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    from controlplane.ui.build import build
    from tests.ui.server import serving

    build()
    with serving() as started:
        yield started


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    yield opened
    opened.close()


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """Script errors and refusals of the content security policy; a test that expects one clears the list."""
    said: list[str] = []
    yield said
    assert said == []


@pytest.fixture
def visit(context: BrowserContext, address: str, complaints: list[str]) -> Visitor:
    return Visitor(context, address, complaints)


@dataclass
class Visitor:
    """`visitor(cast)` gives a signed-in page."""

    context: BrowserContext
    address: str
    complaints: list[str]

    def __call__(self, cast: Cast) -> Visit:
        from tests.ui.chromium import sign_in

        sign_in(self.context, self.address, cast)
        return Visit(self.blank(), cast, self.address, self.complaints)

    def blank(self) -> Page:
        """A page of nobody."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda message: self._hear(message.type, message.text))
        return page

    def _hear(self, kind: str, text: str) -> None:
        # What the server refuses is the subject of some tests; what the policy refuses never is.
        if kind == "error" and "Failed to load resource" not in text:
            self.complaints.append(text)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker("browser")
