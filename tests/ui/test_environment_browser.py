"""The environment pages in a browser: by keyboard, without a violation of axe, nothing too wide, no error."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.cast import make_cast
from tests.environment.variables import set_variable, some_variables
from tests.factories import make_location
from tests.ui.chromium import beside, browsing, ready, sign_in
from tests.ui.server import serving

pytestmark = pytest.mark.browser

PATHS = ("environment", "environment/new", "environment/import", "environment/effective?location=shop")


@pytest.fixture(scope="module")
def address():
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="module")
def stocked():
    return beside(_stocked)


def _stocked():
    cast = make_cast()
    make_location(cast, "shop")
    some_variables(cast)
    return cast


def opened(browser, address, cast, path, **look):
    context = browser.new_context(reduced_motion="reduce", **look)
    sign_in(context, address, cast)
    page = context.new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda said: page.problems.append(said.text) if said.type == "error" else None)
    page.goto(f"{address}/{cast.org.slug}/prod/{path}")
    return ready(page)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("look", [(1280, "light"), (390, "dark")])
def test_page_is_accessible_and_fits(browser, address, stocked, path, look):
    viewport = {"width": look[0], "height": 800}
    page = opened(browser, address, stocked, path, viewport=viewport, color_scheme=look[1])

    violations = Axe().run(page).response["violations"]

    assert [(found["id"], [node["html"][:120] for node in found["nodes"][:2]]) for found in violations] == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    assert page.problems == []
    page.context.close()


def test_value_is_shown_by_keyboard_and_only_then(browser, address):
    cast = beside(make_cast)
    beside(lambda: set_variable(cast, "PASSWORD", "canary-shown"))
    page = opened(browser, address, cast, "environment")
    assert "canary-shown" not in page.content()

    page.get_by_role("button", name="Show the value of PASSWORD").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_text("canary-shown")).to_be_visible()
    assert page.problems == []
    page.context.close()


def test_variable_is_added_by_keyboard(browser, address):
    cast = beside(make_cast)
    page = opened(browser, address, cast, "environment/new")
    expect(page.get_by_label("Which secret")).to_be_hidden()

    page.get_by_label("Name", exact=True).focus()
    page.keyboard.type("DB_PASSWORD")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("The value")).to_be_hidden()
    page.get_by_label("Where").select_option("vault")
    page.get_by_label("Which secret").focus()
    page.keyboard.type("secret/db#password")
    page.keyboard.press("Enter")

    expect(page.get_by_text("DB_PASSWORD is set.")).to_be_visible()
    expect(page.get_by_text("secret/db#password")).to_be_visible()
    page.context.close()
