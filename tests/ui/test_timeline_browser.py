"""The run timeline and the choice of many runs, as a browser shows them: sound, and worked by keyboard."""

import datetime
import re
from collections.abc import Iterator

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, expect

from controlplane.runs.models import BulkAction
from tenants.scoping import org_scope
from tests.automation.ticking import Stage
from tests.ui.chromium import beside, browsing, ready, sign_in
from tests.ui.server import serving
from tests.ui.soundness import LOOKS, unsound
from tests.ui.timeline_world import make_timeline

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
def stage() -> Stage:
    return beside(lambda: make_timeline(600))


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_pages_are_sound(browser: Browser, address: str, stage: Stage, width: int, scheme: str) -> None:
    with browser.new_context(
        viewport={"width": width, "height": 844}, color_scheme=scheme, reduced_motion="reduce"
    ) as context:  # type: ignore[arg-type]
        sign_in(context, address, stage.cast)
        home = f"{address}/{stage.cast.org.slug}/prod/"
        pages = [f"{home}{path}" for path in ("timeline", "runs?job=report", "runs/bulk?kind=cancel&all=1")]
        assert unsound(context, pages) == {}


def test_keys_move_in_the_timeline_and_choose_runs(browser: Browser, address: str, stage: Stage) -> None:
    with browser.new_context(viewport={"width": 1280, "height": 844}) as context:
        sign_in(context, address, stage.cast)
        page = context.new_page()
        # A stretch that is over: what is shown of now is drawn anew every few seconds.
        now = timezone.now()
        stretch = {"from": now - datetime.timedelta(hours=5), "to": now - datetime.timedelta(minutes=1)}
        query = "&".join(f"{name}={at:%Y-%m-%dT%H:%M:%S}" for name, at in stretch.items())
        page.goto(f"{address}/{stage.cast.org.slug}/prod/timeline?{query}")
        ready(page)
        first = page.locator('.timeline-track a[tabindex="0"]')
        first.focus()
        expect(page.locator(".timeline-readout")).to_contain_text("created")
        page.keyboard.press("ArrowDown")
        expect(page.locator(".timeline-readout")).to_contain_text("ran ")
        shown = page.locator("[data-timeline]").get_attribute("data-from") or ""
        page.keyboard.press("Shift+ArrowLeft")
        expect(page).not_to_have_url(re.compile(query))
        expect(page).to_have_url(re.compile("from=.*to="))
        # Another picture with other bars: one of them is where the eyes were.
        expect(page.locator("[data-timeline]")).not_to_have_attribute("data-from", shown)
        expect(page.locator(".timeline-track a:focus")).to_have_count(1)
        page.goto(f"{address}/{stage.cast.org.slug}/prod/runs?job=report")
        ready(page)
        expect(page.get_by_role("button", name="Cancel…")).to_be_disabled()
        page.keyboard.press("j")
        page.keyboard.press("x")
        expect(page.locator("[data-selected-count]")).to_have_text("1 chosen")
        page.get_by_role("button", name="Cancel…").press("Enter")
        page.get_by_role("button", name="Cancel: 1 run").press("Enter")
        expect(page.get_by_role("progressbar")).to_be_visible()
    assert beside(lambda: _totals(stage)) == [1]


def _totals(stage: Stage) -> list[int]:
    with org_scope(stage.cast.org_id):
        return list(BulkAction.objects.for_org(stage.cast.org_id).values_list("total", flat=True))
