"""Pages of deployments, branches and Git hosts as a browser shows them: sound, nothing cut off, found and worked by keyboard alone."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.cast import Cast
from tests.ui import look
from tests.ui.branches_world import Branches, make_branches
from tests.ui.chromium import beside, browsing, press_together, ready, sign_in
from tests.ui.server import serving
from tests.ui.soundness import LOOKS, unsound

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="module")
def pages(address: str, browser: Browser, request: pytest.FixtureRequest) -> list[tuple[str, Cast, str]]:
    return beside(lambda: list(look.pages([request.param])))


@pytest.mark.parametrize("pages", ["branches", "delivery", "git", "automation", "empty"], indirect=True)
@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_pages_are_sound(
    browser: Browser, address: str, pages: list[tuple[str, Cast, str]], width: int, scheme: Any
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, reduced_motion="reduce"
    )
    sign_in(context, address, pages[0][1])
    found = unsound(context, [f"{address}/{cast.org.slug}/prod/{path}" for _name, cast, path in pages])
    context.close()

    assert found == {}


@pytest.fixture(scope="module")
def branches(address: str, browser: Browser) -> Branches:
    return beside(make_branches)


@pytest.fixture
def home(browser: Browser, address: str, branches: Branches) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce") as context:
        sign_in(context, address, branches.cast)
        page = context.new_page()
        page.goto(f"{address}/{branches.cast.org.slug}/prod/")
        yield ready(page)


def test_palette_finds_a_pull_request_and_leads_there(home: Page, branches: Branches) -> None:
    home.keyboard.press("Control+k")
    home.get_by_role("combobox", name="Find").fill("#7")
    expect(home.get_by_role("option").first).to_contain_text("acme/data#7 · Active")
    home.keyboard.press("Enter")

    expect(home.get_by_role("heading", level=1)).to_have_text("Count returns in revenue")


@pytest.mark.parametrize(
    ("asked", "heading"),
    [
        ("promotions", "Promote into prod"),
        ("git hosts", "Git hosts"),
        ("quotas", "Quotas"),
        ("new deployment", "New deployment"),
        ("branches", "Branch deployments"),
    ],
)
def test_palette_leads_to_pages_that_no_rail_of_the_deployment_has(home: Page, asked: str, heading: str) -> None:
    home.keyboard.press("Control+k")
    home.get_by_role("combobox", name="Find").fill(asked)
    expect(home.get_by_role("option").first).to_be_visible()
    home.keyboard.press("Enter")

    expect(home.get_by_role("heading", level=1)).to_have_text(heading)


def test_palette_closes_with_escape_and_gives_the_focus_back(home: Page) -> None:
    home.get_by_role("button", name="Find").focus()
    home.keyboard.press("Enter")
    expect(home.get_by_role("combobox", name="Find")).to_be_focused()
    home.keyboard.press("Escape")

    expect(home.get_by_role("button", name="Find")).to_be_focused()


def test_branches_are_a_key_away_and_marked_in_the_rail(home: Page) -> None:
    press_together(home, "g", "b")

    expect(home.get_by_role("heading", level=1)).to_have_text("Branch deployments")
    expect(home.get_by_role("navigation", name="Pages").get_by_role("link", name="Branches")).to_have_attribute(
        "aria-current", "page"
    )


def test_the_question_before_a_branch_closes_goes_with_escape(home: Page, address: str, branches: Branches) -> None:
    home.goto(f"{address}/{branches.cast.org.slug}/{branches.changed.name}/")
    ask = ready(home).locator("summary", has_text="Close…")
    ask.focus()
    home.keyboard.press("Enter")
    button = home.get_by_role("button", name=f"Close {branches.changed.name}")
    expect(button).to_be_visible()
    home.keyboard.press("Tab")
    expect(button).to_be_focused()
    home.keyboard.press("Escape")

    expect(button).to_be_hidden()
    expect(ask).to_be_focused()
