"""The end of a tick, whoever ends it: what it came to, and when its instigator is due next."""

import datetime
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from controlplane.automation.instigators.running import STATE, bound, end_timed_run, is_over
from controlplane.automation.instigators.storing import save_states
from controlplane.automation.instigators.upcoming import after_tick, next_due
from controlplane.automation.models import Instigator, InstigatorKind, Tick, TickStatus
from controlplane.automation.ticks.identity import tick_id
from controlplane.core import recordsets, wakeups

# What `conclude` may say of a tick that asked for nothing.
_SKIPPED = ("status", "ended_at", "cursor_after", "skip_reason", "log")
# The ids apart, so that only the partitions are looked into that have them.
_SAVE_SKIPPED = """
    UPDATE tick t SET
        status = d.status, ended_at = d.ended_at, cursor_after = d.cursor_after, skip_reason = d.skip_reason, log = d.log,
        look_at = NULL, deadline_at = NULL, reason = '', error = NULL
    FROM jsonb_to_recordset(%s::jsonb) AS d(
        id uuid, status text, ended_at timestamptz, cursor_after text, skip_reason text, log text
    )
    WHERE t.org_id = %s AND t.id = d.id AND t.id = ANY(%s)
"""
# Ticks of a timed run are due after it began, but for what was late.
_SINCE = datetime.timedelta(hours=1)
_LOOK_AGAIN = datetime.timedelta(seconds=5)
OPEN = frozenset({TickStatus.WAITING, TickStatus.STARTED})


def end(
    tick: Tick,
    row: Instigator,
    status: TickStatus,
    now: datetime.datetime,
    *,
    of_branch: bool,
    reason: str = "",
    error: dict[str, Any] | None = None,
) -> None:
    """Say how a tick ended, and let its instigator go on. Saves both; call it inside org_scope with both locked."""
    conclude(tick, row, status, now, of_branch=of_branch, reason=reason, error=error)
    tick.save()
    row.save(update_fields=list(STATE))
    wakeups.wake(f"org:{tick.org_id}:automation")


def save_skipped(org_id: UUID, ticks: Sequence[Tick], rows: Sequence[Instigator]) -> None:
    """Save ticks that asked for nothing, as `conclude` left them, and their instigators: two statements, however many there are."""
    values = [{"id": tick.id, **{name: getattr(tick, name) for name in _SKIPPED}} for tick in ticks]
    recordsets.execute(_SAVE_SKIPPED, [recordsets.rows(values), org_id, [tick.id for tick in ticks]])
    save_states(org_id, rows)
    wakeups.wake(f"org:{org_id}:automation")


def conclude(
    tick: Tick,
    row: Instigator,
    status: TickStatus,
    now: datetime.datetime,
    *,
    of_branch: bool,
    reason: str = "",
    error: dict[str, Any] | None = None,
) -> None:
    """As `end`, saving neither."""
    tick.status, tick.ended_at, tick.look_at, tick.deadline_at = status, now, None, None
    tick.reason, tick.error = reason, error
    _count(tick, row)
    if row.open_tick_id == tick.id:
        row.open_tick_id = None
    if tick.started_at is not None:
        row.last_tick_at = max(tick.started_at, row.last_tick_at or tick.started_at)
    _go_on(tick, row, now, of_branch=of_branch)


def end_after_ticks(row: Instigator, now: datetime.datetime, *, of_branch: bool, but: UUID | None = None) -> None:
    """End a timed run that is over, or look again while ticks of it are open but for this one: what they answer is still wanted."""
    # Ids are in the order of due times.
    since = tick_id(row.id, (row.running_since or now) - _SINCE)
    ticks = Tick.objects.for_org(row.org_id).filter(instigator_id=row.id, id__gte=since, status__in=OPEN)
    if ticks.exclude(id__in=[but] if but else []).exists():
        row.next_tick_at = now + _LOOK_AGAIN
    else:
        end_timed_run(row, now, of_branch=of_branch)


def _count(tick: Tick, row: Instigator) -> None:
    if tick.was_lost:
        # Nothing is known of its code.
        return
    if tick.status == TickStatus.FAILURE:
        row.failures_in_a_row += 1
    elif tick.status == TickStatus.MISSED:
        if row.kind == InstigatorKind.SCHEDULE and not tick.asked_by and row.is_running:
            row.missed_from = min(row.missed_from or tick.due_at, tick.due_at)
    else:
        row.failures_in_a_row = 0


def _go_on(tick: Tick, row: Instigator, now: datetime.datetime, *, of_branch: bool) -> None:
    if not row.is_running:
        return
    if is_over(row, now):
        end_after_ticks(row, now, of_branch=of_branch, but=tick.id)
    elif row.kind == InstigatorKind.SENSOR:
        row.next_tick_at = after_tick(row, tick.due_at, now)
        bound(row)
    elif row.next_tick_at is None:
        row.next_tick_at = next_due(row, now)
        bound(row)
