"""The pages over HTTP: what they hold, who may open them, and that text of users stays text."""

import re
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controlplane.external.reports.services import report_events
from controlplane.external.reports.values import AssetReport, ReportKind
from tests.cast import make_cast
from tests.factories import make_location, make_manifest
from tests.ui.known import runs_by_status
from tests.ui.world import HOSTILE, make_hostile, make_shop

_PAGES = [
    "",
    "assets",
    "assets/raw/orders",
    "lineage",
    "lineage/statuses",
    "jobs",
    "runs",
    "code-locations",
    "agents",
    "palette?q=raw",
]


def _get(stage, path, **headers):
    return stage.cast.signed_in().get(f"/{stage.cast.org.slug}/prod/{path}", headers=headers)


@pytest.fixture(scope="module")
def shop():
    return make_shop()


@pytest.mark.parametrize("path", _PAGES)
def test_page_opens_for_members_only(shop, path):
    address = f"/{shop.cast.org.slug}/prod/{path}"

    assert shop.cast.signed_in().get(address).status_code == 200
    assert make_cast("outsider").signed_in().get(address).status_code == 404


def test_run_of_another_organization_is_not_there(shop):
    run_id = runs_by_status(shop)["SUCCESS"]
    mallory = make_cast("outsider")

    for part in (
        "",
        "/head",
        "/steps",
        "/events",
        "/events/1",
        "/config",
        "/logs",
        "/logs/lines?key=raw__orders&stream=stdout",
    ):
        answer = mallory.signed_in().get(f"/{mallory.org.slug}/prod/runs/{run_id}{part}")
        assert answer.status_code == 404, part


def test_anonymous_is_sent_to_sign_in_and_back(client, shop):
    answer = client.get(f"/{shop.cast.org.slug}/prod/runs?status=FAILURE")

    assert answer.status_code == 302
    assert answer["Location"] == f"/sign-in?next=/{shop.cast.org.slug}/prod/runs%3Fstatus%3DFAILURE"


def test_policy_allows_our_own_scripts_and_styles_only(shop):
    answer = _get(shop, "assets")

    assert "script-src 'self'" in answer["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*(src=|application/json))|\son\w+=|\sstyle=", answer.content.decode())


def test_filters_of_assets_narrow_the_list(shop):
    answer = _get(shop, "assets?q=orders&group=raw", HX_Request="true", HX_Target="asset-list").content.decode()

    assert re.findall(r'row-link mono clip" href="[^"]*/assets/([^"]+)"', answer) == ["raw/orders"]
    assert "<html" not in answer


def test_assets_without_definition_are_counted_and_a_list_of_all_reads_them_once(cast):
    make_location(cast, manifest=make_manifest())
    reports = [AssetReport(ReportKind.MATERIALIZATION, key) for key in ("raw", "left", "left/too")]
    report_events(org_id=cast.org_id, deployment_id=cast.deployment.id, reports=reports, actor=cast.actor)
    browser = cast.signed_in()

    def asked(query):
        with CaptureQueriesContext(connection) as seen:
            page = browser.get(f"/{cast.org.slug}/prod/assets{query}").content.decode()
        assert "Defined or not" in page
        return page, sum("LIKE" in one["sql"] for one in seen.captured_queries)

    page, searches = asked("")
    assert ("Assets, 5 of 5" in page, searches) == (True, 0)
    page, _searches = asked("?q=left")
    assert "Assets, 2 of 5" in page


def test_unknown_status_of_runs_is_refused_in_words(shop):
    answer = _get(shop, "runs?status=SLEEPING")

    assert answer.status_code == 400
    assert "There is no run status SLEEPING." in answer.content.decode()


def test_events_come_in_pages_behind_a_seq(shop):
    run_id = runs_by_status(shop)["SUCCESS"]

    answer = _get(shop, f"runs/{run_id}/events?after=3&limit=2").json()

    assert [event["seq"] for event in answer["events"]] == [4, 5]
    assert (answer["total"], answer["more"]) == (16, True)


def test_lines_and_matches_of_captured_output(shop):
    run_id = runs_by_status(shop)["SUCCESS"]
    stream = f"runs/{run_id}/logs/%s?key=raw__orders&stream=stdout"

    lines = _get(shop, (stream % "lines") + "&from=2&count=2").json()
    found = _get(shop, (stream % "search") + "&q=ROW    9").json()

    assert (len(lines["lines"]), lines["total"], lines["final"]) == (2, 980, True)
    assert found == {"count": 80, "lines": list(range(901, 981))}


def test_download_is_the_stream_as_a_file(shop):
    run_id = runs_by_status(shop)["SUCCESS"]

    answer = _get(shop, f"runs/{run_id}/logs/download?key=raw__orders&stream=stdout")

    assert b"".join(answer.streaming_content).count(b"\n") == 980
    assert answer["Content-Disposition"] == f'attachment; filename="{run_id}-raw__orders-stdout.txt"'


def test_hostile_names_are_text_everywhere():
    stage = make_hostile()
    run_id = next(iter(runs_by_status(stage).values()))
    pages = [
        "",
        "assets",
        "runs",
        "agents",
        "code-locations",
        f"assets/{quote(HOSTILE)}",
        "asset?key=..",
        f"runs/{run_id}",
        f"runs/{run_id}/logs",
    ]

    for path in [*pages, f"runs/{run_id}/config", f"runs/{run_id}/events/4"]:
        answer = _get(stage, path)
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.content.decode(), path
        assert "<img" not in answer.content.decode(), path


def test_command_to_copy_is_one_word_per_name():
    stage = make_hostile()

    page = _get(stage, "asset?key=..").content.decode()

    assert "daggerboard run &#x27;&lt;script&gt;" in page


def test_cancel_and_run_again_need_a_post_with_the_token(shop):
    run_id = runs_by_status(shop)["QUEUED"]
    browser = shop.cast.signed_in()
    browser.handler.enforce_csrf_checks = True

    assert browser.get(f"/{shop.cast.org.slug}/prod/runs/{run_id}/cancel").status_code == 405
    assert browser.post(f"/{shop.cast.org.slug}/prod/runs/{run_id}/cancel").status_code == 403


def test_error_pages_say_what_to_do(shop):
    answer = _get(shop, "assets/no/such/asset")

    assert answer.status_code == 404
    assert "There is no asset no/such/asset in this deployment." in answer.content.decode()
    assert "Copy as markdown" in answer.content.decode()


@pytest.fixture
def client():
    from django.test import Client

    return Client()
