"""The run timeline: what is shown in a stretch of time, by what, in how few bytes and statements; and its address."""

import datetime
import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from controlplane.deployments.visibility import all_of
from controlplane.runs import timeline
from controlplane.runs.models import Run
from controlplane.runs.selectors import RunFilter
from controlplane.runs.states import RunStatus
from tenants.scoping import org_scope
from tests.automation.ticking import Stage
from tests.cast import make_cast
from tests.ui.timeline_world import made, make_timeline

MOST_BYTES = 300_000
MANY = 10_000


@pytest.fixture(scope="module")
def stage() -> Stage:
    return make_timeline(MANY)


def shown(stage: Stage, query: str = "", *, status: int = 200) -> str:
    answer: Any = stage.cast.signed_in().get(f"/{stage.cast.org.slug}/prod/timeline{query}")
    assert answer.status_code == status, answer.content
    return str(answer.content.decode())


def lane(text: str, name: str) -> str:
    """The drawing of one line."""
    [found] = re.findall(rf'<svg class="timeline-track"[^>]*aria-label="{name}">.*?</svg>', text, re.DOTALL)
    return str(found)


def total(text: str) -> int:
    return int(re.findall(r": ([\d,]+) runs?</span>", text)[0].replace(",", ""))


def test_ten_thousand_runs_are_cells_that_count_and_few_are_bars_that_link(stage: Stage) -> None:
    text = shown(stage)
    assert len(text.encode()) < MOST_BYTES
    counted = sum(int(found.replace(",", "")) for found in re.findall(r"([\d,]+) runs? created", lane(text, "busy")))
    assert counted == MANY
    with org_scope(stage.cast.org_id):
        hourly = Run.objects.for_org(stage.cast.org_id).filter(job_name="hourly")
        expected = {f"runs/{run_id}" for run_id in hourly.values_list("id", flat=True)}
    assert set(re.findall(r'href="(runs/[^"]+)"', lane(text, "hourly"))) == expected
    # One that began days ago and still runs.
    assert "running, created" in lane(text, "nightly")
    assert "half_hourly is due" in text
    assert 'class="timeline-now"' in text


def test_a_stretch_has_what_touches_it_and_says_so_in_its_address(stage: Stage) -> None:
    with org_scope(stage.cast.org_id):
        hourly = Run.objects.for_org(stage.cast.org_id).filter(job_name="hourly", ended_at__isnull=False)
        run = hourly.order_by("id").first()
    assert run is not None
    assert run.started_at is not None
    middle = run.started_at + datetime.timedelta(minutes=2)
    asked = f"?job=hourly&from={middle:%Y-%m-%dT%H:%M:%S}&to={middle + datetime.timedelta(minutes=2):%Y-%m-%dT%H:%M:%S}"
    text = shown(stage, asked)
    assert (total(text), str(run.id) in text) == (1, True)
    assert "half_hourly" not in text
    assert 'data-every="60"' in text
    for way in re.findall(r'<a [^>]*href="(\?[^"]+)" data-move', text):
        assert "job=hourly" in way
        shown(stage, way.replace("&amp;", "&"))


@pytest.mark.parametrize(
    ("group", "name"), [("automation", "Schedule busy_schedule"), ("location", "shop"), ("owner", "team:busy")]
)
def test_by_what_the_lines_are(stage: Stage, group: str, name: str) -> None:
    assert "created" in lane(shown(stage, f"?group={group}&range=24h"), name)


@pytest.mark.parametrize("query", ["?range=9y", "?group=x", "?from=now&to=then", "?from=2026-01-31T10:00", "?status=x"])
def test_what_is_no_stretch_is_refused_in_words(stage: Stage, query: str) -> None:
    shown(stage, query, status=400)


def test_a_list_of_runs_has_what_a_cell_leads_to(stage: Stage) -> None:
    found = re.findall(r'<a href="(runs\?[^"]+)"[^>]*><title>[^<]* ([\d,]+) runs? created', lane(shown(stage), "busy"))
    address, number = found[3]
    answer: Any = stage.cast.signed_in().get(f"/{stage.cast.org.slug}/prod/{address.replace('&amp;', '&')}")
    listed = int(re.findall(r"<span>([\d,]+) runs?", answer.content.decode())[0].replace(",", ""))
    # The address is to the second; a run of the seam is in one of two cells.
    assert abs(listed - int(number.replace(",", ""))) <= 2


def test_statements_do_not_grow_with_runs_and_use_indexes(stage: Stage) -> None:
    browser: Any = stage.cast.signed_in()
    with CaptureQueriesContext(connection) as seen:
        browser.get(f"/{stage.cast.org.slug}/prod/timeline")
    assert len(seen.captured_queries) <= 40
    asked = [one["sql"] for one in seen.captured_queries if '"run"."id" <' in one["sql"]]
    assert len(asked) == 3
    with org_scope(stage.cast.org_id), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plans = []
        for statement in asked:
            cursor.execute(f"EXPLAIN {statement}")
            plans.append("\n".join(row[0] for row in cursor.fetchall()))
    assert not any("Seq Scan" in plan for plan in plans)


def test_what_waits_since_long_ago_is_not_lost_behind_others_that_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "RUNS_MAX", 3)
    cast = make_cast("backlog")
    now = timezone.now()

    def waiting(job: str, hours: int) -> Run:
        return made(cast, job, now - datetime.timedelta(hours=hours), None, RunStatus.QUEUED)

    with org_scope(cast.org_id):
        rows = [waiting("few", 90), *(waiting("many", hours) for hours in range(89, 60, -1)), waiting("few", 60)]
        Run.unscoped.bulk_create(rows)
    window = (now - datetime.timedelta(hours=1), now)
    visible = all_of(cast.org_id, cast.deployment.id)
    found, more = timeline.stretches(visible, RunFilter(job="few"), *window)
    assert ([run.id for run in found], more) == ([rows[-1].id, rows[0].id], False)
    found, more = timeline.stretches(visible, RunFilter(), *window)
    assert ([run.id for run in found], more) == ([run.id for run in rows[:-4:-1]], True)
    page: Any = cast.signed_in().get(f"/{cast.org.slug}/prod/timeline")
    assert "only the newest 3 are shown" in page.content.decode()
