"""Whether an instigator runs, and from when: what follows from its code and from what people decided. Changes rows, saves none."""

import datetime

from controlplane.automation.instigators.upcoming import next_due
from controlplane.automation.models import Choice, Instigator, InstigatorKind

# Dagster's sensors that hold automation conditions. The evaluator evaluates the one kind, which has no ticks of its own; the other says
# `use_user_code_server`, and is evaluated by ticks in the user's code, as any sensor.
EVALUATED_HERE = "AUTO_MATERIALIZE"
CONDITION_SENSORS = frozenset({"AUTOMATION", EVALUATED_HERE})
# What `settle` and `take_turn` may change.
STATE = (
    "choice",
    "runs_until",
    "ticks_left",
    "is_running",
    "running_since",
    "next_tick_at",
    "last_tick_at",
    "cursor",
    "last_run_key",
    "open_tick_id",
    "failures_in_a_row",
    "missed_from",
)


def has_ticks(row: Instigator) -> bool:
    """Whether it is evaluated by ticks; conditions are not."""
    return row.kind == InstigatorKind.SCHEDULE or row.sensor_type != EVALUATED_HERE


def is_timed(row: Instigator) -> bool:
    """Whether it runs for a while only."""
    return row.runs_until is not None or row.ticks_left is not None


def wants_to_run(row: Instigator, *, of_branch: bool) -> bool:
    """What people decided, else its code; in branch deployments everything is off until somebody turns it on."""
    if not row.is_defined:
        return False
    if row.choice:
        return row.choice == Choice.RUNNING
    return row.is_default_running and not of_branch


def settle(row: Instigator, now: datetime.datetime, *, of_branch: bool, at_once: bool = False) -> None:
    """Let it run, or not, as is wanted now. `at_once`: a sensor that starts is due immediately, not at its place in its interval."""
    runs = wants_to_run(row, of_branch=of_branch)
    if not runs:
        row.is_running, row.running_since, row.next_tick_at, row.missed_from = False, None, None, None
        return
    begins = not row.is_running
    if begins:
        row.is_running, row.running_since, row.failures_in_a_row, row.missed_from = True, now, 0, None
    is_due = not begins and row.next_tick_at is not None and row.next_tick_at <= now
    if not has_ticks(row):
        row.next_tick_at = None
    elif is_due:
        # Still to be claimed: only what is to come moves.
        return
    elif row.kind == InstigatorKind.SCHEDULE:
        row.next_tick_at = next_due(row, now)
    elif row.open_tick_id is None:
        row.next_tick_at = now if begins and at_once else next_due(row, now)
    bound(row)


def is_over(row: Instigator, now: datetime.datetime) -> bool:
    """Whether the time or the ticks of a timed run are over; it ends with its last tick."""
    return row.ticks_left == 0 or (row.runs_until is not None and row.runs_until <= now)


def bound(row: Instigator) -> None:
    """A timed run is looked at when its time is over, though nothing is due then."""
    if row.runs_until is not None and row.is_running and row.open_tick_id is None:
        row.next_tick_at = min(row.next_tick_at or row.runs_until, row.runs_until)


def end_timed_run(row: Instigator, now: datetime.datetime, *, of_branch: bool) -> None:
    """Its time or its ticks are over: off, until somebody turns it on again."""
    row.choice, row.runs_until, row.ticks_left = Choice.STOPPED, None, None
    settle(row, now, of_branch=of_branch)
