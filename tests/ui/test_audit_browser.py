"""The audit log in a browser: by keyboard, without a violation of axe, nothing too wide, no error, any names."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from controlplane.audit_log.services import create_stream
from tenants.audit.services import AuditTarget, record
from tests.cast import Cast, make_cast
from tests.ui.chromium import beside, browsing, ready, sign_in
from tests.ui.server import serving

pytestmark = pytest.mark.browser

LOOKS = [(1280, "light"), (390, "dark")]
HOSTILE = "<script>alert(1)</script>" + "w" * 120


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture(scope="module")
def cast() -> Cast:
    return beside(_make)


def _make() -> Cast:
    cast = make_cast()
    target, value = AuditTarget("team", HOSTILE[:100], HOSTILE), {"name": HOSTILE, "list": [HOSTILE]}
    record(org_id=cast.org_id, actor=cast.actor, action="team.update", target=target, before=value, after={"name": ""})
    setup = {"host": "logs.example.com"}
    create_stream(
        org_id=cast.org_id, name=HOSTILE[:100], kind="syslog", setup=setup, from_beginning=True, actor=cast.actor
    )
    return cast


def opened(browser: Browser, address: str, cast: Cast, path: str, *, width: int, scheme: Any) -> tuple[Page, list[str]]:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    sign_in(context, address, cast)
    page, said = context.new_page(), []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.goto(f"{address}/{cast.org.slug}/settings/{path}")
    return ready(page), said


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("path", ["audit", "audit?actor=nobody", "audit/streams", "audit/streams?kind=s3"])
def test_page_has_no_fault(browser, address, cast, path, look):
    page, said = opened(browser, address, cast, path, width=look[0], scheme=look[1])
    if path == "audit":
        page.locator("summary.audit-line").nth(1).click()

    found = Axe().run(page).response["violations"]
    too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert ([(one["id"], one["nodes"][0]["html"][:200]) for one in found], too_wide, said) == ([], 0, [])
    page.context.close()


def test_event_opens_and_leads_to_its_address_by_keyboard(browser, address, cast):
    page, said = opened(browser, address, cast, "audit?action=team.update", width=1280, scheme="light")
    page.locator("summary.audit-line").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("del").first).to_contain_text("<script>alert(1)</script>")
    page.get_by_role("link", name="Link to this event").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="team.update")).to_be_visible()
    assert said == []
    page.context.close()


def test_filter_is_in_the_address(browser, address, cast):
    page, _said = opened(browser, address, cast, "audit", width=1280, scheme="light")
    page.get_by_label("Action").select_option("team: anything")
    page.get_by_role("button", name="Filter").press("Enter")

    expect(page).to_have_url(re.compile("action=team"))
    expect(page.locator("summary.audit-line")).to_have_count(1)
    page.context.close()
