"""Events in: exactly once, in order, fenced, with everything that follows from them."""

import os
import random
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from agent.protocol import AttemptEvents, Event, EventBatch, Usage
from controlplane.catalog.asset_status import status_of
from controlplane.catalog.models import AssetEvent, AssetState, CheckState, PartitionState
from controlplane.insights.models import AssetUsage, StepUsage
from controlplane.runs.event_bounds import decode_batch
from controlplane.runs.event_selectors import events
from controlplane.runs.ingest import store_events
from controlplane.runs.models import RunAttempt, RunStatusEvent
from controlplane.runs.services import cancel_run
from controlplane.runs.step_selectors import steps
from tenants.scoping import org_scope
from tests.runs.scripts import Sender, Stage, make_stage, materialization


@pytest.fixture
def stage() -> Stage:
    return make_stage()


def rows(stage: Stage, model: Any, **filters: Any) -> list[Any]:
    with org_scope(stage.org_id):
        return list(model.objects.for_org(stage.org_id).filter(**filters))


def test_a_run_goes_from_the_queue_to_success(stage: Stage) -> None:
    attempt = stage.claimed(assets=["raw", "daily"])
    attempt.start("raw", "daily")
    attempt.step("raw")
    attempt.step("daily")
    answer = attempt.say("PIPELINE_SUCCESS")
    run = attempt.run
    assert (answer.stored, answer.fenced) == (9, False)
    assert (run.status, run.steps_total, run.steps_succeeded, run.event_count) == ("SUCCESS", 2, 2, 9)
    assert [(step.key, step.status, step.depends_on) for step in steps(stage.org_id, run.id)] == [
        ("raw", "success", []),
        ("daily", "success", ["raw"]),
    ]


def test_every_move_is_noted_in_order(stage: Stage) -> None:
    attempt = stage.claimed()
    attempt.start("raw")
    attempt.say("PIPELINE_SUCCESS")
    moves = sorted(rows(stage, RunStatusEvent, run_id=attempt.run_id), key=lambda row: row.id)
    assert [move.type for move in moves] == [
        "PIPELINE_ENQUEUED", "PIPELINE_STARTING", "PIPELINE_START", "PIPELINE_SUCCESS",
    ]  # fmt: skip


def test_materializations_reach_history_and_states(stage: Stage) -> None:
    attempt = stage.claimed(assets=["raw"])
    attempt.start("raw")
    attempt.step("raw", partition="2024-01-01")
    attempt.step("raw", partition="2024-01-02")
    [state] = rows(stage, AssetState, asset_key="raw")
    kinds = [(row.kind, row.partition_key) for row in sorted(rows(stage, AssetEvent), key=lambda row: row.id)]
    assert kinds == [("planned", None), ("materialization", "2024-01-01"), ("materialization", "2024-01-02")]
    assert (state.materialization_partition, state.materialization_run_id) == ("2024-01-02", attempt.run_id)
    assert sorted(row.partition_key for row in rows(stage, PartitionState)) == ["2024-01-01", "2024-01-02"]


def test_usage_is_priced_and_shared_among_the_assets_of_a_step(stage: Stage) -> None:
    attempt = stage.claimed(assets=["raw", "daily"])
    plan = [{"step": "both", "assets": [["raw"], ["daily"]], "deps": []}]
    attempt.say("PIPELINE_START", data={"plan": plan})
    usage = Usage(wall_seconds=7200, cpu_seconds=3600, peak_rss_bytes=2**30, gib_seconds=7200)
    attempt.say("STEP_START", step="both")
    attempt.say("STEP_UP_FOR_RETRY", step="both", usage=usage)
    attempt.say("STEP_RESTARTED", step="both")
    attempt.say("STEP_SUCCESS", step="both", usage=usage)
    cost = 2 * (40_480 + 2 * 4_445)
    [of_step] = rows(stage, StepUsage)
    shares = rows(stage, AssetUsage)
    assert (attempt.run.cost_micros, of_step.cost_micros, of_step.cpu_seconds) == (cost, cost, 7200)
    assert sorted((share.asset_key, share.cost_micros, share.cpu_seconds) for share in shares) == [
        ("daily", cost // 2, 3600),
        ("raw", cost // 2, 3600),
    ]


def test_a_check_evaluation_becomes_the_state_of_its_check(stage: Stage) -> None:
    attempt = stage.claimed()
    body = {
        "asset": ["daily"],
        "name": "not_empty",
        "passed": False,
        "severity": "WARN",
        "metadata": {},
        "target": None,
    }
    attempt.say("ASSET_CHECK_EVALUATION", data={"check": body}, serdes="{}")
    [state] = rows(stage, CheckState)
    assert (state.asset_key, state.check_name, state.passed, state.severity) == ("daily", "not_empty", False, "WARN")


def test_everything_sent_three_times_and_shuffled_is_stored_once(stage: Stage) -> None:
    once, often = stage.claimed(), stage.claimed()
    for attempt in (once, often):
        attempt.event("AGENT_STARTED")
        attempt.event("PIPELINE_START", data={"plan": [{"step": "raw", "assets": [["raw"]], "deps": []}]})
        attempt.event("STEP_START", step="raw")
        for number in range(20):
            attempt.event("LOG", step="raw", message=f"line {number}")
        attempt.event("STEP_SUCCESS", step="raw")
        attempt.event("PIPELINE_SUCCESS")
    once.flush()
    chance = random.Random(7)
    pieces = [often.sent[at : at + size] for at in range(len(often.sent)) for size in (1, 3, 7)] * 3
    chance.shuffle(pieces)
    for piece in pieces:
        often.deliver(piece)
    often.flush()
    columns = ("event_count", "steps_succeeded", "steps_total", "status")
    assert [getattr(often.run, name) for name in columns] == [getattr(once.run, name) for name in columns]
    assert [event.message for event in events(stage.org_id, often.run_id).events] == [
        event.message for event in often.sent
    ]


def test_a_gap_is_answered_with_where_it_begins(stage: Stage) -> None:
    attempt = stage.claimed()
    for number in range(5):
        attempt.event("LOG", message=str(number))
    answer = attempt.deliver([*attempt.sent[:2], *attempt.sent[3:]])
    assert answer.stored == 2
    assert attempt.flush().stored == 5


@pytest.mark.parametrize(
    "wrong", [{"epoch": 2}, {"attempt": 2}, {"run_id": "01890000-0000-7000-8000-000000000000"}, {"run_id": "x"}]
)
def test_what_is_not_this_attempt_is_fenced(stage: Stage, wrong: dict[str, Any]) -> None:
    attempt = stage.claimed()
    answer = attempt.deliver([attempt.event("LOG")], **wrong)
    assert (answer.fenced, attempt.run.event_count) == (True, 0)


def test_another_agent_is_fenced(stage: Stage) -> None:
    attempt = stage.claimed()
    answer = attempt.deliver([attempt.event("LOG")], agent_id=make_stage().agent.id)
    assert answer.fenced is True


def test_one_batch_of_several_runs_is_answered_in_its_order(stage: Stage) -> None:
    first, second = stage.claimed(), stage.claimed()
    parts = [
        AttemptEvents(run_id=str(each.run_id), attempt=1, epoch=1, events=[each.event("LOG")])
        for each in (second, first)
    ]
    answers = store_events(
        org_id=stage.org_id, agent_id=stage.agent.id, batch=EventBatch(agent_id=str(stage.agent.id), attempts=parts)
    ).attempts
    assert [(answer.run_id, answer.stored) for answer in answers] == [(str(second.run_id), 1), (str(first.run_id), 1)]


def test_a_failed_run_says_which_step_and_why_and_its_partitions_have_failed(stage: Stage) -> None:
    attempt = stage.claimed(assets=["raw", "daily"])
    attempt.start("raw", "daily")
    attempt.step("raw")
    attempt.say("STEP_START", step="daily")
    attempt.say(
        "STEP_FAILURE", step="daily", error={"cls": "ZeroDivisionError", "message": "division by zero", "stack": []}
    )
    attempt.say("PIPELINE_FAILURE", message="Steps failed: ['daily'].", data={"reason": "STEP_FAILURE"})
    run = attempt.run
    assert (run.status, run.failure_code, run.steps_failed) == ("FAILURE", "step_failed", 1)
    assert run.failure_message == "Step daily failed: ZeroDivisionError: division by zero."
    states = {state.asset_key: state.failed_run_id for state in rows(stage, AssetState)}
    assert states == {"raw": None, "daily": attempt.run_id}


USER = {"cls": "ShopClosed", "message": "shop.errors.ShopClosed: It is Sunday.\n", "stack": []}
WRAPPED = {
    "cls": "DagsterExecutionStepExecutionError",
    "message": 'dagster._core.errors.DagsterExecutionStepExecutionError: Error occurred while executing op "daily":\n',
    "stack": [],
    "cause": USER,
}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (WRAPPED, "shop.errors.ShopClosed: It is Sunday."),
        (
            {**WRAPPED, "cause": {**USER, "cause": {"cls": "KeyError", "message": "KeyError: 'day'\n"}}},
            "shop.errors.ShopClosed: It is Sunday. (caused by KeyError: 'day').",
        ),
        ({"cls": "ValueError", "message": "ValueError\n"}, "ValueError."),
        ({"cls": "DagsterInvalidConfigError", "message": "bad"}, "DagsterInvalidConfigError: bad."),
        ({"cls": None, "message": ""}, "see its log."),
        (None, "see its log."),
    ],
)
def test_the_reason_of_a_failed_step_is_what_the_users_code_raised(error: Any, said: str, stage: Stage) -> None:
    attempt = stage.claimed()
    attempt.start("daily")
    attempt.say("STEP_START", step="daily")
    attempt.say("STEP_FAILURE", step="daily", error=error)
    attempt.say("PIPELINE_FAILURE", message="Steps failed: ['daily'].")
    assert attempt.run.failure_message == f"Step daily failed: {said}"


EXITS = [
    ({"reason": "killed_by_signal", "signal": 9}, "killed_by_signal"),
    ({"reason": "out_of_memory", "signal": 9}, "out_of_memory"),
    ({"reason": "crashed", "exit_code": 3}, "crashed"),
    ({"reason": "finished", "exit_code": 0}, "ended_silently"),
    ({"reason": "lease_lost"}, "lease_lost"),
    ({"reason": "start_timeout"}, "not_started_in_time"),
    ({"reason": "code_not_loaded"}, "code_not_loaded"),
    ({}, "crashed"),
]


@pytest.mark.parametrize(
    ("end", "left"),
    [("PIPELINE_SUCCESS", "missing"), ("PIPELINE_CANCELED", "missing"), ("PIPELINE_FAILURE", "failed")],
)
def test_what_a_run_planned_and_did_not_make_is_in_progress_until_its_end(stage: Stage, end: str, left: str) -> None:
    attempt = stage.claimed(assets=["raw", "daily"])
    attempt.say("ASSET_MATERIALIZATION", step="raw", data=materialization("raw"))

    def statuses() -> dict[str, str]:
        return {state.asset_key: status_of(state) for state in rows(stage, AssetState)}

    assert statuses() == {"raw": "materialized", "daily": "in_progress"}

    attempt.say(end)

    assert statuses() == {"raw": "materialized", "daily": left}


def test_a_run_that_made_nothing_leaves_the_plan_of_a_later_run(stage: Stage) -> None:
    attempt = stage.claimed(assets=["raw"])
    stage.request(assets=["raw"])

    attempt.say("PIPELINE_SUCCESS")

    assert [status_of(state) for state in rows(stage, AssetState)] == ["in_progress"]


@pytest.mark.parametrize(("data", "code"), EXITS)
def test_an_exit_without_a_last_word_ends_the_run(stage: Stage, data: dict[str, Any], code: str) -> None:
    attempt = stage.claimed()
    attempt.start("raw")
    attempt.say("STEP_START", step="raw")
    attempt.say("AGENT_EXITED", data=data, message="It was killed.")
    run = attempt.run
    [step] = steps(stage.org_id, run.id)
    [row] = rows(stage, RunAttempt, run_id=run.id)
    assert (run.status, run.failure_code, step.status, row.state) == ("FAILURE", code, "failure", "ended")
    assert run.failure_message


def test_an_exit_after_the_end_changes_nothing(stage: Stage) -> None:
    attempt = stage.claimed()
    attempt.start()
    attempt.say("PIPELINE_SUCCESS")
    answer = attempt.say("AGENT_EXITED", data={"reason": "crashed", "exit_code": 1})
    assert (answer.stored, attempt.run.status, attempt.run.failure_code) == (4, "SUCCESS", "")


def test_a_canceled_run_ends_canceled_by_its_exit(stage: Stage) -> None:
    attempt = stage.claimed()
    attempt.start()
    cancel_run(org_id=stage.org_id, run_id=attempt.run_id, actor=stage.cast.actor)
    attempt.say("AGENT_EXITED", data={"reason": "canceled", "signal": 2})
    run = attempt.run
    assert (run.status, run.failure_code) == ("CANCELED", "canceled")
    assert stage.cast.owner.email in run.failure_message


HOSTILE: list[dict[str, Any]] = [
    {"type": "LOG", "message": "nul \0 and \\u0000 and \\\\u0000"},
    {"type": "LOG", "message": "x" * 10_000_000},
    {"type": "T" * 500, "message": ""},
    {"type": "LOG", "level": 99_999_999, "ts": float("1e300")},
    {"type": "LOG", "ts": -5.0, "step": "s" * 100_000},
    {"type": "STEP_START", "step": "s\0" * 5000},
    {"type": "STEP_SUCCESS", "step": "a", "usage": Usage(wall_seconds=-1, cpu_seconds=1e300, peak_rss_bytes=10**30, gib_seconds=0)},
    {"type": "PIPELINE_START", "data": {"plan": [1, {"step": 3}, {"step": "a", "assets": "x", "deps": {"b": 1}}, {"step": "a"}], "mode": 5}},
    {"type": "ASSET_MATERIALIZATION", "data": materialization("a" * 9000, "p" * 9000)},
    {"type": "ASSET_MATERIALIZATION", "data": materialization("a", metadata={"n\0": {"value": 10**400}}, tags=[1])},
    {"type": "ASSET_MATERIALIZATION", "data": {"materialization": {"asset": [1, None]}}},
    {"type": "ASSET_OBSERVATION", "data": {"observation": "<script>"}},
    {"type": "ASSET_CHECK_EVALUATION", "data": {"check": {"asset": ["a"], "name": "n" * 9000, "target": {"id": 2**80}}}},
    {"type": "AGENT_STARTED", "data": {"pid": 2**70, "mode": ["x"]}},
    {"type": "STEP_FAILURE", "step": "a", "error": {"message": 5, "cls": ["\0"], "stack": "y" * 6_000_000}},
    {"type": "LOG", "data": {"n": 10**200_000}},
    {"type": "PIPELINE_FAILURE", "error": {"message": {"deep": [[]] * 5}}},
    {"type": "AGENT_EXITED", "data": {"reason": "r" * 500, "exit_code": 2**40, "signal": "<b>"}},
]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda event: event["type"][:30])
def test_hostile_events_are_bounded_and_stop_nothing(stage: Stage, hostile: dict[str, Any]) -> None:
    attempt = stage.claimed()
    attempt.event("LOG", message="before")
    attempt.event(**{"type_": hostile["type"], **{name: value for name, value in hostile.items() if name != "type"}})
    attempt.event("LOG", message="after")
    assert attempt.flush().stored == 3
    stored = events(stage.org_id, attempt.run_id).events
    assert [stored[0].message, stored[2].message] == ["before", "after"]
    assert not stored[1].message.startswith("This event held something")
    assert len(stored[1].message) < 70_000


@pytest.fixture
def poison() -> Iterator[str]:
    """A message that Postgres refuses, whatever we do about it."""
    with psycopg.connect(os.environ["DAGGERBOARD_DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute("ALTER TABLE run_event ADD CONSTRAINT poison CHECK (message <> 'poison') NOT VALID")
        yield "poison"
        owner.execute("ALTER TABLE run_event DROP CONSTRAINT poison")


def test_what_postgres_refuses_leaves_a_note_in_its_place(stage: Stage, poison: str) -> None:
    attempt = stage.claimed()
    for number in range(9):
        attempt.event("LOG", message=poison if number == 5 else str(number))
    assert attempt.flush().stored == 9
    messages = [event.message for event in events(stage.org_id, attempt.run_id).events]
    assert messages[:5] + messages[6:] == ["0", "1", "2", "3", "4", "6", "7", "8"]
    assert "could not be stored" in messages[5]


WIRE = (
    '{"agent_id":"%s","attempts":[{"run_id":"%s","attempt":1,"epoch":1,"events":[{"seq":1,"ts":1,"type":"LOG",%s}]}]}'
)


@pytest.mark.parametrize("body", ['"data":{"x":NaN}', '"message":"\\ud800!"', '"data":{"\\udfff":[Infinity,1e999]}'])
def test_what_is_no_json_is_read_all_the_same(stage: Stage, body: str) -> None:
    attempt = stage.claimed()
    batch = decode_batch((WIRE % (stage.agent.id, attempt.run_id, body)).encode())
    assert store_events(org_id=stage.org_id, agent_id=stage.agent.id, batch=batch).attempts[0].stored == 1


def test_terminal_absorbs_whatever_comes_later(stage: Stage) -> None:
    attempt: Sender = stage.claimed()
    attempt.start("raw")
    attempt.say("PIPELINE_SUCCESS")
    for late in ("PIPELINE_FAILURE", "PIPELINE_CANCELED", "PIPELINE_START", "PIPELINE_CANCELING", "AGENT_EXITED"):
        assert attempt.say(late).fenced is False
        assert attempt.run.status == "SUCCESS"


def test_an_event_names_its_attempt_even_in_upper_case(stage: Stage) -> None:
    attempt = stage.claimed()
    answer = attempt.deliver([Event(seq=1, ts=0, type="LOG")], run_id=str(attempt.run_id).upper())
    assert answer.stored == 1
