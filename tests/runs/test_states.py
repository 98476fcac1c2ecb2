"""The state machine as a table, without a database: what may follow what, and that the ends are ends."""

import datetime
import itertools

import pytest

from controlplane.runs import transitions
from controlplane.runs.locking import LockedRun
from controlplane.runs.reasons import FailureCode, timed_out
from controlplane.runs.states import ACTIVE, EVENT_OF_STATUS, STATUS_OF_EVENT, TERMINAL, RunStatus, may_move
from tenants.ids import uuid7

NOW = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
ALLOWED = {
    ("QUEUED", "STARTING"),
    ("QUEUED", "CANCELED"),
    ("QUEUED", "FAILURE"),
    ("STARTING", "STARTED"),
    ("STARTING", "QUEUED"),
    ("STARTING", "CANCELING"),
    ("STARTING", "CANCELED"),
    ("STARTING", "FAILURE"),
    ("STARTING", "SUCCESS"),
    ("STARTED", "CANCELING"),
    ("STARTED", "SUCCESS"),
    ("STARTED", "FAILURE"),
    ("STARTED", "CANCELED"),
    ("CANCELING", "SUCCESS"),
    ("CANCELING", "FAILURE"),
    ("CANCELING", "CANCELED"),
}


def make_run(status: RunStatus, **fields: object) -> LockedRun:
    given = {
        "id": uuid7(), "deployment_id": uuid7(), "status": status, "attempt": 1, "epoch": 1, "agent_id": uuid7(), "now": NOW,
        "location_name": "shop", "job_name": "nightly", "partition_key": None, "claimed_at": None, "started_at": None,
        "cancel_requested_by": "", "failure_code": "", **fields,
    }  # fmt: skip
    return LockedRun(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(("current", "target"), list(itertools.product(RunStatus, RunStatus)))
def test_the_table_of_moves(current: RunStatus, target: RunStatus) -> None:
    assert may_move(current, target) is ((current.value, target.value) in ALLOWED)


@pytest.mark.parametrize(("current", "target"), list(itertools.product(sorted(TERMINAL), RunStatus)))
def test_a_terminal_status_absorbs(current: RunStatus, target: RunStatus) -> None:
    run = make_run(current)
    assert transitions.move(run, target) is False
    assert (run.status, run.moved) == (current, False)


def test_every_active_status_reaches_every_end_and_nothing_else_ends() -> None:
    assert set(RunStatus) == ACTIVE | TERMINAL
    for status in ACTIVE - {RunStatus.QUEUED}:
        assert all(may_move(status, end) for end in TERMINAL)


def test_events_and_statuses_name_each_other() -> None:
    assert {EVENT_OF_STATUS[status]: status for status in STATUS_OF_EVENT.values()} == STATUS_OF_EVENT
    assert set(EVENT_OF_STATUS) == set(RunStatus)


def test_times_are_kept_between_what_is_known_for_sure() -> None:
    claimed = NOW - datetime.timedelta(minutes=1)
    early, late = claimed - datetime.timedelta(hours=3), NOW + datetime.timedelta(hours=3)
    run = make_run(RunStatus.STARTING, claimed_at=claimed)
    transitions.move(run, RunStatus.STARTED, at=early)
    transitions.move(run, RunStatus.SUCCESS, at=late)
    assert (run.started_at, run.ended_at) == (claimed, NOW)


def test_a_run_stopped_for_its_time_limit_fails_and_keeps_its_reason() -> None:
    run = make_run(RunStatus.CANCELING, failure_code=FailureCode.TIMED_OUT_RUNNING)
    transitions.move(run, RunStatus.CANCELED)
    assert (run.status, run.reason) == (RunStatus.FAILURE, None)


def test_a_reason_says_how_long_in_words() -> None:
    assert "within 2 h" not in timed_out("queued", 90).message
    assert "for 24 h" not in timed_out("running", 90).message
    assert "90 s" in timed_out("running", 90).message
