"""Ticks from their due time to what comes of them: asked once, applied once, in one transaction."""

import datetime
import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agent.protocol import AGENT_RESTARTED
from controlplane.automation.models import LOST, Instigator, RequestSource, Tick
from controlplane.automation.requests import Asked, Asker, store
from controlplane.automation.ticks import catching_up, launching, overdue
from controlplane.automation.ticks.policies import LOST_OFTEN
from controlplane.catalog.current_partitions import dynamic_keys
from controlplane.catalog.models import AssetEvent
from controlplane.fleet.models import Agent
from controlplane.runs.requests import RunRequest
from tenants.scoping import org_scope
from tests import factories
from tests.automation.ticking import Stage, make_stage, minutes_ago, schedule, sensor
from tests.cast import Cast
from tests.runs.scripts import materialization

RAISED = {"message": "no bucket", "cls": "ValueError", "stack": []}


@pytest.fixture
def stage(cast: Cast) -> Stage:
    return make_stage(cast, schedule(), sensor())


def test_schedule_tick_launches_its_job_once_with_dagster_s_tags(cast: Cast) -> None:
    # Half an hour from the next, so that the hour does not turn meanwhile.
    due = minutes_ago(30).replace(second=0, microsecond=0)
    stage = make_stage(cast, schedule(cron=f"{due.minute} * * * *"))
    stage.due("hourly", due)

    assert [stage.fire("hourly"), stage.fire("hourly")] == [1, 0]
    [question] = stage.questions()
    stage.answer(question, {"requests": [{"run_key": None, "tags": {"a": "b"}, "run_config": {}}]})
    stage.answer(question, {"requests": [{}]})

    [tick] = stage.ticks("hourly")
    [run] = stage.runs()
    assert question.body["op"] == "schedule_tick"
    assert question.body["args"] == {"name": "hourly", "due": due.timestamp(), "timezone": "UTC"}
    assert (tick.status, tick.requested, tick.due_at) == ("SUCCESS", 1, due)
    assert run.tags == {"dagster/schedule_name": "hourly", "dagster/tick": str(tick.id), "a": "b"}
    assert (run.job_name, run.actor_label) == ("nightly", "Schedule hourly")
    assert stage.row("hourly").next_tick_at == due + datetime.timedelta(hours=1)


def test_sensor_keeps_its_cursor_and_launches_a_run_key_once(stage: Stage) -> None:
    first = stage.tick("files", {"cursor": "1", "requests": [{"run_key": "a"}, {"run_key": "b"}]})
    stage.due("files")
    stage.fire("files")
    [question] = stage.questions()
    stage.answer(question, {"cursor": "2", "requests": [{"run_key": "b"}]})

    assert question.body["args"]["cursor"] == "1"
    assert question.body["args"]["last_run_key"] == "b"
    assert stage.row("files").cursor == "2"
    assert [run.tags["dagster/run_key"] for run in stage.runs()] == ["a", "b"]
    assert stage.statuses("files") == ["SUCCESS", "SKIPPED"]
    assert (first.cursor_before, first.cursor_after) == (None, "1")
    assert stage.requested() == ["launched", "launched", "duplicate"]


def test_ticks_are_found_by_status_and_by_due_time_to_the_microsecond(stage: Stage, cast: Cast) -> None:
    ticks = [stage.tick("files", {"requests": requests}) for requests in ([{"run_key": "a"}], [], [{"run_key": "b"}])]
    due = [tick.due_at.isoformat().replace("+00:00", "Z") for tick in ticks]
    wanted = {
        "": [2, 1, 0],
        "status=SUCCESS": [2, 0],
        "status=SKIPPED&status=FAILURE": [1],
        f"after={due[0]}": [2, 1],
        f"before={due[1]}": [0],
        f"after={due[0]}&before={due[2]}&status=SKIPPED": [1],
        f"after={due[1]}&status=SKIPPED": [],
        "after=0001-01-01T00:00:00Z&before=9999-12-31T23:59:59Z": [2, 1, 0],
        "before=0001-01-01T00:00:00Z": [],
    }
    for of in ("ticks/", "sensors/shop/files/ticks/"):
        for query, places in wanted.items():
            found = cast.api().get(cast.api_path(f"{of}?{query}")).json()["results"]
            assert [tick["id"] for tick in found] == [str(ticks[place].id) for place in places], query
    with CaptureQueriesContext(connection) as seen:
        cast.api().get(cast.api_path(f"ticks/?status=SKIPPED&after={due[0]}"))
    [finding] = [one["sql"] for one in seen.captured_queries if "SKIPPED" in one["sql"]]
    # Of thousands of weeks, those of the time alone: on both sides.
    assert len(re.findall(r'"id" >= ', finding)) == 2


def test_answers_that_come_together_are_each_acted_on_once(cast: Cast) -> None:
    names = ["skipping", "asking", "wrong", "failing", "off"]
    stage = make_stage(cast, *(sensor(name) for name in names))
    for name in names:
        stage.due(name)
    assert stage.fire(*names) == len(names)
    questions = {question.body["args"]["name"]: question for question in stage.questions()}
    stage.change(Instigator, stage.row("off").id, is_running=False)
    answers: dict[str, Any] = {
        "skipping": {"cursor": "7", "skip": "no files", "log": [[1.0, 20, "looked"]]},
        "asking": {"cursor": "1", "requests": [{"run_key": "a"}]},
        "wrong": {"cursor": "2", "requests": "none"},
        "failing": {"error": RAISED},
        "off": {"cursor": "3"},
    }

    for _ in range(2):
        stage.answer_together({questions[name]: answers[name] for name in names})

    assert {name: stage.statuses(name) for name in names} == {
        "skipping": ["SKIPPED"],
        "asking": ["SUCCESS"],
        "wrong": ["FAILURE"],
        "failing": ["FAILURE"],
        "off": ["SKIPPED"],
    }
    [skipped] = stage.ticks("skipping")
    assert (skipped.skip_reason, skipped.cursor_after, skipped.deadline_at) == ("no files", "7", None)
    assert skipped.log.endswith("INFO looked")
    assert [stage.row(name).cursor for name in names] == ["7", "1", None, None, None]
    row = stage.row("skipping")
    assert row.open_tick_id is None
    assert row.next_tick_at is not None
    assert row.next_tick_at > skipped.due_at
    assert [run.tags["dagster/run_key"] for run in stage.runs()] == ["a"]


def test_all_that_a_tick_asks_for_is_stored_or_nothing(stage: Stage) -> None:
    changes = [{"op": "add", "name": "colors", "keys": ["red"]}]
    stage.tick("files", {"cursor": "1", "dynamic_partitions": changes, "skip": "nothing new"})
    bad = {"op": "add", "name": "colors", "keys": ["blue"]}
    failed = stage.tick("files", {"cursor": "2", "dynamic_partitions": [bad, {**bad, "op": "move"}]})

    assert dynamic_keys(stage.cast.org_id, stage.cast.deployment.id, "colors") == ["red"]
    assert stage.row("files").cursor == "1"
    assert stage.statuses("files") == ["SKIPPED", "FAILURE"]
    assert "neither" in failed.reason
    assert (failed.dynamic_partitions, stage.requested()) == ([], [])


def test_asset_events_that_a_sensor_reports_are_kept_with_its_tick(stage: Stage) -> None:
    event = {"type": "ASSET_MATERIALIZATION", "ts": 1.7e9, "data": materialization("manual"), "serdes": '"m"'}
    tick = stage.tick("files", {"asset_events": [{"event": event}], "cursor": "1"})
    refused = stage.tick("files", {"asset_events": [{"event": event}], "cursor": "a\0"})

    assert (tick.status, refused.status) == ("SKIPPED", "FAILURE")
    with org_scope(stage.cast.org_id):
        events = AssetEvent.objects.for_org(stage.cast.org_id).filter(deployment_id=stage.cast.deployment.id)
        assert events.count() == 1


def test_error_of_user_code_fails_the_tick_and_the_sensor_goes_on_slower(stage: Stage) -> None:
    for _ in range(7):
        stage.due("files")
        stage.fire("files")
        stage.answer(stage.questions()[-1], error=RAISED)

    row, tick = stage.row("files"), stage.ticks("files")[-1]
    assert (tick.status, tick.error["message"], row.failures_in_a_row) == ("FAILURE", "no bucket", 7)
    assert row.next_tick_at is not None
    assert row.next_tick_at > minutes_ago(-1)
    assert stage.tick("files", {"skip": "fine"}).status == "SKIPPED"
    assert stage.row("files").failures_in_a_row == 0


def test_refused_run_fails_the_tick_and_the_others_are_launched(stage: Stage) -> None:
    tick = stage.tick("files", {"requests": [{"partition": "2026-01-01"}, {}]})

    assert (tick.status, tick.requested) == ("FAILURE", 1)
    assert "partition" in tick.reason
    assert stage.requested() == ["refused", "launched"]


def test_answer_to_an_older_question_changes_nothing(stage: Stage) -> None:
    stage.due("files")
    stage.fire("files")
    [older] = stage.questions()
    [tick] = stage.ticks("files")
    # The agent began anew since: its question is lost with it.
    stage.change(Tick, tick.id, started_at=minutes_ago(1), look_at=minutes_ago(1))
    assert overdue.look_after(stage.cast.org_id, [tick.id]) == 1
    newer = stage.questions()[-1]

    stage.answer(older, {"cursor": "old", "requests": [{}]})
    assert stage.statuses("files") == ["STARTED"]
    stage.answer(newer, {"cursor": "new", "requests": [{}]})

    assert newer.id != older.id
    assert (stage.row("files").cursor, len(stage.runs())) == ("new", 1)


def test_what_ends_with_its_agent_is_asked_again_and_is_no_failure_of_its_code(stage: Stage) -> None:
    restarted = {"message": "The agent restarted", "cls": AGENT_RESTARTED, "stack": []}
    stage.due("files")
    stage.fire("files")
    for attempt in (1, 2, 3):
        assert (stage.ticks("files")[0].attempt, stage.row("files").failures_in_a_row) == (attempt, 0)
        stage.answer(stage.questions()[-1], None, error=restarted)
        overdue.look_after(stage.cast.org_id, [stage.ticks("files")[0].id])

    [tick] = stage.ticks("files")
    assert (tick.status, tick.error, tick.reason) == ("FAILURE", None, LOST_OFTEN)
    assert stage.row("files").failures_in_a_row == 1


def test_agent_that_is_lost_is_no_failure_of_code(stage: Stage) -> None:
    stage.due("files", failures_in_a_row=2)
    stage.fire("files")
    [tick] = stage.ticks("files")
    assert stage.agent is not None
    stage.change(Agent, stage.agent.id, registered_at=minutes_ago(60))
    stage.change(Tick, tick.id, look_at=minutes_ago(1))
    overdue.look_after(stage.cast.org_id, [tick.id])
    stage.change(Tick, tick.id, waiting_since=minutes_ago(1), look_at=minutes_ago(1))
    overdue.look_after(stage.cast.org_id, [tick.id])

    [tick] = stage.ticks("files")
    assert (tick.status, tick.was_lost, tick.reason.startswith(LOST)) == ("FAILURE", True, True)
    assert stage.row("files").failures_in_a_row == 2
    shown = stage.cast.api().get(
        f"/api/v1/organizations/{stage.cast.org.slug}/deployments/{stage.cast.deployment.name}/sensors/shop/files/"
    )
    assert "does not count as a failure of its code" in shown.json()["note"]


def test_hanging_sensor_fails_after_its_timeout_and_is_due_again(stage: Stage) -> None:
    stage.due("files")
    stage.fire("files")
    [tick] = stage.ticks("files")
    assert stage.row("files").next_tick_at is None
    stage.change(Tick, tick.id, deadline_at=minutes_ago(1), look_at=minutes_ago(1))

    overdue.look_after(stage.cast.org_id, [tick.id])

    [tick] = stage.ticks("files")
    assert (tick.status, tick.reason) == (
        "FAILURE",
        "It was not answered within 60 s. Does it hang, or is its agent busy?",
    )
    assert stage.row("files").next_tick_at is not None


def test_tick_that_is_stored_and_not_launched_is_launched_by_the_sweep(stage: Stage) -> None:
    tick = stage.tick("files", {"cursor": "1"})
    with org_scope(stage.cast.org_id):
        asker = Asker(RequestSource.TICK, tick.id, stage.cast.deployment.id, stage.row("files").id)
        store(stage.cast.org_id, asker, [Asked(RunRequest(job="nightly"))])

    launching.launch_of_tick(org_id=stage.cast.org_id, tick_id=tick.id)
    launching.launch_of_tick(org_id=stage.cast.org_id, tick_id=tick.id)

    assert len(stage.runs()) == 1


def test_without_an_agent_ticks_are_missed_and_the_newest_are_caught_up(cast: Cast) -> None:
    stage = make_stage(cast, is_there=False)
    stage.deploy(schedule("minutely", "* * * * *"))
    stage.due("minutely", minutes_ago(8).replace(second=0, microsecond=0))
    stage.fire("minutely")
    ticks = stage.ticks("minutely")
    # Five that are late, and the one that is due just now.
    assert [tick.status for tick in ticks] == ["MISSED"] * (len(ticks) - 6) + ["WAITING"] * 6
    for tick in ticks[-6:]:
        stage.change(Tick, tick.id, waiting_since=minutes_ago(1), look_at=minutes_ago(1))
    overdue.look_after(cast.org_id, [tick.id for tick in ticks])
    assert stage.statuses("minutely") == ["MISSED"] * len(ticks)
    assert "No agent" in stage.ticks("minutely")[-1].reason
    ids = [stage.row("minutely").id]
    assert catching_up.catch_up(cast.org_id, ids) == 0

    back = Stage(cast, factories.make_agent(cast))
    back.deploy(schedule("minutely", "* * * * *"))
    assert catching_up.catch_up(cast.org_id, ids) == 5
    for question in back.questions():
        back.answer(question, {"requests": [{}]})

    assert back.statuses("minutely") == ["MISSED"] * (len(ticks) - 5) + ["SUCCESS"] * 5
    assert catching_up.catch_up(cast.org_id, ids) == 0
