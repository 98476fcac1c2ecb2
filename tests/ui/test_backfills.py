"""Pages of backfills and of dynamic partitions: what they show, what they do, and what they refuse in words."""

import re
from typing import Any

import pytest
from django.test import Client

from controlplane.automation.models import Backfill
from tenants.scoping import org_scope
from tests.ui.backfills_world import Backfills, make_backfills


@pytest.fixture(scope="module")
def made() -> Backfills:
    return make_backfills()


@pytest.fixture
def browser(made: Backfills) -> Client:
    return made.cast.signed_in()


def address(made: Backfills, path: str) -> str:
    return f"/{made.cast.org.slug}/prod/{path}"


def body(answer: Any) -> str:
    return str(answer.content.decode())


def test_the_list_filters_and_says_where_each_is(made: Backfills, browser: Client) -> None:
    text = body(browser.get(address(made, "backfills")))
    assert "January, with the corrected rates" in text
    assert "Completed with failures" in text
    assert "Paused" in text
    assert "nightly" not in body(browser.get(address(made, "backfills?asset=orders")))
    assert "No backfill matches" in body(browser.get(address(made, "backfills?job=nothing")))
    assert browser.get(address(made, "backfills?status=NOPE")).status_code == 400


def test_one_links_what_failed_to_its_run_and_log(made: Backfills, browser: Client) -> None:
    text = body(browser.get(address(made, f"backfills/{made.failed.id}")))
    assert "2026-01-04" in text
    assert "/logs" in text
    assert "Retry what was not made" in text
    assert "Not made" in body(browser.get(address(made, f"backfills/{made.failed.id}?state=skipped")))
    going = body(browser.get(address(made, f"backfills/{made.going.id}")))
    assert "27 of 60" in going
    assert re.search(r'state=failed#partitions" aria-current="page">Failed 3<', going)
    waiting = body(browser.get(address(made, f"backfills/{made.going.id}?state=requested")))
    assert 'data-status="QUEUED">Queued<' in waiting.partition('id="partitions"')[2].partition('id="runs-title"')[0]


def test_the_form_previews_refuses_and_launches(made: Backfills, browser: Client) -> None:
    form = address(made, "backfills/new")
    assert "60 keys" in body(browser.get(f"{form}?assets=revenue"))
    htmx = {"HX-Request": "true", "HX-Target": "backfill-preview"}
    asked = {"assets": ["orders", "revenue"], "what": "range", "partitions": "2026-02-01...2026-02-10", "priority": "0"}
    assert "20 partitions, by about 12 runs" in body(browser.post(form, asked, headers=htmx))
    wrong = {**asked, "partitions": "2026-03-01...1999-01-01"}
    assert "they go from 2026-01-01" in body(browser.post(form, wrong, headers=htmx))
    refused = browser.post(form, {**asked, "partitions": ""})
    assert (refused.status_code, "Say which partitions" in body(refused)) == (400, True)
    multi = {
        "assets": "by_region",
        "what": "range",
        "partitions-day": "2026-01-01...2026-01-03",
        "partitions-region": "eu",
    }
    launched = browser.post(form, {**multi, "priority": "2"})
    assert launched.status_code == 302
    with org_scope(made.cast.org_id):
        newest = Backfill.objects.for_org(made.cast.org_id).order_by("-id").first()
    assert newest is not None
    assert (newest.counts, newest.priority) == ({"targeted": 3}, 2)
    act = address(made, f"backfills/{newest.id}/act")
    browser.post(act, {"do": "change", "title": "Three days", "priority": "9"})
    # Nothing failed: all are shown.
    assert 'state=all#partitions" aria-current="page">All<' in body(
        browser.get(address(made, f"backfills/{newest.id}"))
    )
    browser.post(act, {"do": "cancel"})
    assert "Three days" in body(browser.get(address(made, f"backfills/{newest.id}")))


def test_dynamic_partitions_are_added_and_deleted(made: Backfills, browser: Client) -> None:
    page = address(made, "dynamic-partitions")
    assert "Copenhagen" in body(browser.get(page))
    browser.post(page, {"name": "places", "do": "add", "keys": "Dublin\nBerlin"})
    assert "Dublin" in body(browser.get(page))
    browser.post(page, {"name": "places", "do": "delete", "key": ["Dublin"]})
    assert "Dublin" not in body(browser.get(f"{page}?name=places&q=Dub")).split("Keys of")[1].split("</table>")[-1]
    assert browser.get(f"{page}?name=nothing").status_code == 404
    viewer = made.cast.signed_in(made.cast.viewer)
    assert viewer.post(page, {"name": "places", "do": "add", "keys": "x"}).status_code == 403
    assert "needs the permission" in body(viewer.get(page))


def test_what_failed_of_a_filtered_list_is_retried(made: Backfills, browser: Client) -> None:
    listed = body(browser.get(address(made, "assets?q=e")))
    assert "of=these&amp;what=failed" in listed
    form = body(browser.get(address(made, "backfills/new?q=orders&of=these&what=failed")))
    assert 'name="assets" value="orders"' in form
    assert 'value="revenue"' not in form
