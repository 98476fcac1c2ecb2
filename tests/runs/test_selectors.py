"""Lists of runs, pages of events, steps with their phases, and why a run waits."""

import datetime
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from controlplane.deployments.visibility import all_of
from controlplane.fleet.models import Agent
from controlplane.runs.event_selectors import EventFilter, Place, events
from controlplane.runs.models import Run
from controlplane.runs.selectors import RunFilter, count_runs, narrowed, run_group, runs
from controlplane.runs.services import cancel_run, reexecute_run
from controlplane.runs.states import RunStatus
from controlplane.runs.step_selectors import steps
from controlplane.runs.waiting import waiting_reason
from tenants.errors import InvalidError
from tenants.paging import PageRequest, decode_cursor, page_of_rows
from tenants.scoping import org_scope
from tests.factories import deploy
from tests.runs.scripts import Stage, make_stage


@pytest.fixture
def stage() -> Stage:
    return make_stage()


def listed(stage: Stage, **filters: Any) -> list[Any]:
    return [run.id for run in runs(all_of(stage.org_id, stage.cast.deployment.id), RunFilter(**filters)).runs]


def test_runs_by_every_filter(stage: Stage) -> None:
    first = stage.request(assets=["raw"], tags={"team": "data"})
    second = stage.request(job="nightly")
    cancel_run(org_id=stage.org_id, run_id=second.id, actor=stage.cast.actor)
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=1)
    only_first: list[dict[str, Any]] = [
        {"statuses": [RunStatus.QUEUED, RunStatus.STARTED]}, {"job": "__ASSET_JOB"}, {"tags": {"team": "data"}},
        {"id_prefix": str(first.id)[:30]}, {"root_run_id": first.id}, {"location": "shop", "job": "__ASSET_JOB"},
        {"job": "__ASSET_JOB", "statuses": [RunStatus.QUEUED], "asset": "raw", "tags": {"team": "data"}},
        {"location": "shop", "statuses": [RunStatus.QUEUED], "root_run_id": first.id, "created_before": later},
    ]  # fmt: skip
    for filters in only_first:
        assert listed(stage, **filters) == [first.id], filters
    for both in (
        {"asset": "raw"},
        {"launched_by": stage.cast.actor.label},
        {"created_before": later},
        {"id_prefix": ""},
        {},
    ):
        assert listed(stage, **both) == [second.id, first.id], both
    for none in (
        {"created_after": later},
        {"asset": "x"},
        {"tags": {"team": "x"}},
        {"partition": "p"},
        {"location": "x"},
        {"job": "nightly", "statuses": [RunStatus.QUEUED]},
        {"location": "shop", "root_run_id": second.id, "statuses": [RunStatus.QUEUED]},
        {"job": "nightly", "tags": {"team": "data"}},
    ):
        assert listed(stage, **none) == [], none
        assert count_runs(all_of(stage.org_id, stage.cast.deployment.id), RunFilter(**none)) == 0


def test_pages_of_runs_join_without_gap(stage: Stage) -> None:
    made = [stage.request().id for _ in range(7)]
    seen, cursor = [], None
    while True:
        page = runs(all_of(stage.org_id, stage.cast.deployment.id), cursor=cursor, limit=3)
        seen += [run.id for run in page.runs]
        if page.cursor is None:
            break
        cursor = page.cursor
    assert seen == made[::-1]
    assert count_runs(all_of(stage.org_id, stage.cast.deployment.id), most=5) == 5


def test_a_wrong_prefix_is_refused(stage: Stage) -> None:
    with pytest.raises(InvalidError, match="not the beginning"):
        listed(stage, id_prefix="xyz")


def test_a_group_is_everything_from_one_root(stage: Stage) -> None:
    first = stage.request()
    again = reexecute_run(org_id=stage.org_id, run_id=first.id, from_failure=False, actor=stage.cast.actor)
    assert [run.id for run in run_group(all_of(stage.org_id, stage.cast.deployment.id), again)] == [first.id, again.id]


def test_pages_of_events_forwards_and_backwards(stage: Stage) -> None:
    attempt = stage.claimed()
    for number in range(10):
        attempt.event("LOG", message=f"line {number}", level=10 * (number % 5 + 1), step="a" if number < 5 else "b")
    attempt.flush()
    forwards = events(stage.org_id, attempt.run_id, limit=4)
    backwards = events(stage.org_id, attempt.run_id, before=Place(2, 0), limit=4)
    assert ([event.seq for event in forwards.events], str(forwards.cursor), forwards.has_more) == (
        [1, 2, 3, 4],
        "1.4",
        True,
    )
    assert ([event.seq for event in backwards.events], str(backwards.cursor), backwards.has_more) == (
        [7, 8, 9, 10],
        "1.7",
        True,
    )
    for filters, expected in [
        ({"level": 40}, [4, 5, 9, 10]),
        ({"steps": ["b"]}, [6, 7, 8, 9, 10]),
        ({"text": "LINE 3"}, [4]),
        ({"text": "%"}, []),
        ({"types": ["STEP_START"]}, []),
    ]:
        wanted = EventFilter(**filters)  # type: ignore[arg-type]
        assert [event.seq for event in events(stage.org_id, attempt.run_id, wanted).events] == expected


def test_steps_have_phases_and_dynamic_ones_follow_their_pattern(stage: Stage) -> None:
    attempt = stage.claimed()
    plan = [{"step": "gen", "deps": []}, {"step": "work[?]", "deps": ["gen"]}, {"step": "sum", "deps": ["work[?]"]}]
    now = datetime.datetime.now(datetime.UTC).timestamp() - 100
    attempt.event("PIPELINE_START", ts=now, data={"plan": plan})
    for at, type_, step in [
        (1, "STEP_START", "gen"), (3, "STEP_SUCCESS", "gen"), (4, "STEP_WORKER_STARTING", "work[7]"), (6, "STEP_START", "work[7]"),
        (9, "STEP_SUCCESS", "work[7]"), (10, "STEP_START", "sum"),
    ]:  # fmt: skip
        attempt.event(type_, ts=now + at, step=step)
    attempt.flush()
    found = {view.key: view for view in steps(stage.org_id, attempt.run_id)}
    assert set(found) == {"gen", "work[7]", "sum"}
    work = found["work[7]"]
    assert (work.depends_on, work.queued_seconds, work.starting_seconds, work.running_seconds) == (["gen"], 1, 2, 3)
    assert (found["sum"].queued_seconds, found["sum"].running_seconds) == (1, None)


def set_agent(stage: Stage, **fields: Any) -> None:
    with org_scope(stage.org_id):
        Agent.objects.for_org(stage.org_id).filter(id=stage.agent.id).update(**fields)


def why(stage: Stage, run_id: object) -> tuple[str, str]:
    reason = waiting_reason(stage.run(run_id))  # type: ignore[arg-type]
    assert reason is not None
    return reason.code, reason.message


def test_why_a_run_waits(stage: Stage) -> None:
    set_agent(stage, last_poll_at=datetime.datetime.now(datetime.UTC), free_slots=2)
    first, second = stage.request(), stage.request()
    assert why(stage, first.id) == ("in_queue", "Waiting for the agent's next poll. It is next.")
    assert why(stage, second.id)[1].endswith("1 run of the queue comes first.")
    set_agent(stage, free_slots=0)
    assert why(stage, first.id)[0] == "agent_full"
    set_agent(
        stage,
        last_poll_at=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
        registered_at=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
    )
    code, message = why(stage, first.id)
    assert (code, "agent-1" in message) == ("agent_lost", True)


def test_a_run_waits_for_a_queue_that_nobody_serves(stage: Stage) -> None:
    deploy(stage.cast, "shop", queue="gpu")
    run = stage.request()
    assert why(stage, run.id) == (
        "no_agent",
        "No agent serves the queue gpu. Start one with this queue, or deploy the location to another.",
    )


def test_a_run_waits_for_a_location_that_was_deleted(stage: Stage) -> None:
    run = stage.request()
    with org_scope(stage.org_id), connection.cursor() as cursor:
        cursor.execute("DELETE FROM code_location WHERE id = %s", [run.location_id])
    assert why(stage, run.id)[0] == "location_deleted"


def test_a_run_that_is_claimed_waits_for_nothing(stage: Stage) -> None:
    assert waiting_reason(stage.claimed().run) is None


@contextmanager
def once_the_page_is_found(change: Callable[[], Any]) -> Iterator[None]:
    """Do it between the statement that finds a page of runs and the one that reads it, as another process may."""
    left = [change]

    def between(execute: Any, sql: str, *rest: Any) -> Any:
        found = execute(sql, *rest)
        if left and sql.startswith('SELECT "run"."id"'):
            left.pop()()
        return found

    with connection.execute_wrapper(between):
        yield
    assert not left


def test_what_happens_between_finding_a_page_and_reading_it_ends_no_list_early(stage: Stage) -> None:
    oldest, middle, newest = (stage.request(job="nightly").id for _ in range(3))
    visible = all_of(stage.org_id, stage.cast.deployment.id)
    with org_scope(stage.org_id):
        rows = Run.objects.for_org(stage.org_id)
        queued, asked = narrowed(visible, RunFilter(statuses=[RunStatus.QUEUED])), PageRequest(size=2)
        with once_the_page_is_found(lambda: rows.filter(id=middle).update(status=RunStatus.STARTING)):
            page = page_of_rows(queued, asked, by=["-id"], read_from=rows)
        assert ([run.id for run in page.results], page.more) == ([newest, middle], True)
        assert page.cursor is not None
        after = page_of_rows(queued, PageRequest(decode_cursor(page.cursor), 2), by=["-id"], read_from=rows)
        assert ([run.id for run in after.results], after.more) == ([oldest], False)
        with once_the_page_is_found(lambda: rows.filter(id=newest).delete()):
            found = runs(visible, limit=2)
        assert ([run.id for run in found.runs], found.cursor) == ([middle], middle)
        assert [run.id for run in runs(visible, cursor=found.cursor).runs] == [oldest]
