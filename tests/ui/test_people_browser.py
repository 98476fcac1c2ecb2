"""Pages of people as a browser shows them: no violation of axe, nothing too wide, no error; and the matrix by keyboard alone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tenants.models import CustomRole
from tenants.scoping import org_scope
from tests.ui.chromium import beside, browsing, ready, sign_in
from tests.ui.people_world import People, make_people
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
def people(address, browser) -> People:
    return beside(make_people)


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_pages_are_sound(address, browser, people, width, scheme):
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    sign_in(context, address, people.cast)
    settings = f"{address}/{people.cast.org.slug}/settings"
    paths = ("members", f"members/{people.busy.pk}?deployment=prod", "teams", f"teams/{people.team.id}", "roles")
    found = unsound(context, [f"{settings}/{path}" for path in paths])
    context.close()

    assert found == {}


def test_matrix_is_ticked_and_saved_by_keyboard_alone(address, browser, people):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    sign_in(context, address, people.cast)
    page = context.new_page()
    page.goto(f"{address}/{people.cast.org.slug}/settings/roles")
    ready(page)
    box = page.get_by_label("On call: Launch and re-execute runs")
    expect(box).not_to_be_checked()

    page.get_by_label("On call: See runs and their logs").focus()
    # The row's other custom role is one stop, the next row's two are the rest.
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(box).to_be_checked()
    page.keyboard.press("Enter")

    expect(page.get_by_text("The roles are saved.")).to_be_visible()
    expect(page.get_by_label("On call: Launch and re-execute runs")).to_be_checked()
    context.close()

    def stored():
        with org_scope(people.cast.org_id):
            return CustomRole.objects.for_org(people.cast.org_id).get(id=people.role_id).permissions

    assert "run:launch" in beside(stored)
