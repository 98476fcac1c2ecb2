"""The end of a tick, whoever ends it: what it came to, and when its instigator is due next."""

import datetime
from typing import Any
from uuid import UUID

from controlplane.automation.instigators.running import STATE, bound, end_timed_run
from controlplane.automation.instigators.upcoming import after_tick, next_due
from controlplane.automation.models import Instigator, InstigatorKind, Tick, TickStatus
from controlplane.core import wakeups

OPEN = frozenset({TickStatus.WAITING, TickStatus.STARTED})


def lock_row(org_id: UUID, instigator_id: UUID) -> Instigator | None:
    """The instigator, locked until the caller's transaction ends; always before any of its ticks is. Call it inside org_scope."""
    rows = Instigator.objects.for_org(org_id).select_for_update(no_key=True)
    return rows.filter(id=instigator_id).first()


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
    tick.status, tick.ended_at, tick.look_at, tick.deadline_at = status, now, None, None
    tick.reason, tick.error = reason, error
    tick.save()
    _count(tick, row)
    if row.open_tick_id == tick.id:
        row.open_tick_id = None
    if tick.started_at is not None:
        row.last_tick_at = max(tick.started_at, row.last_tick_at or tick.started_at)
    _go_on(tick, row, now, of_branch=of_branch)
    row.save(update_fields=list(STATE))
    wakeups.wake(f"org:{tick.org_id}:automation")


def _count(tick: Tick, row: Instigator) -> None:
    if tick.status == TickStatus.FAILURE:
        row.failures_in_a_row += 1
    elif tick.status == TickStatus.MISSED:
        if row.kind == InstigatorKind.SCHEDULE and not tick.asked_by:
            row.missed_from = min(row.missed_from or tick.due_at, tick.due_at)
    else:
        row.failures_in_a_row = 0


def _go_on(tick: Tick, row: Instigator, now: datetime.datetime, *, of_branch: bool) -> None:
    if not row.is_running:
        return
    if row.ticks_left == 0 or (row.runs_until is not None and row.runs_until <= now):
        end_timed_run(row, now, of_branch=of_branch)
    elif row.kind == InstigatorKind.SENSOR:
        row.next_tick_at = after_tick(row, tick.due_at, now)
        bound(row)
    elif row.next_tick_at is None:
        row.next_tick_at = next_due(row, now)
        bound(row)
