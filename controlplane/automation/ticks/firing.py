"""What is due becomes ticks: the clock claims due instigators in bites, and asks agents to evaluate them.

Claim, ticks and questions are one transaction for each organization. Any number of clocks may beat: rows that one has locked are
skipped by the others, and a tick has one id, whoever makes it.
"""

import datetime
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError
from django.db.models.functions import Now

from controlplane.automation.instigators.running import is_over, is_timed
from controlplane.automation.instigators.storing import save_states
from controlplane.automation.instigators.upcoming import due_until, next_due
from controlplane.automation.models import Instigator, InstigatorKind, Tick, TickStatus
from controlplane.automation.ticks.asking import ask
from controlplane.automation.ticks.endings import end_after_ticks
from controlplane.automation.ticks.identity import tick_id
from controlplane.automation.ticks.policies import MOST_MISSED, Policies
from controlplane.core import recordsets, wakeups
from controlplane.deployments.branches import wake
from tenants.errors import AppError
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

_BITE = 200
# What is due for longer was missed: nobody was there to claim it.
_LATE = datetime.timedelta(seconds=60)
NOBODY_CLAIMED = "Daggerboard was not running, or the deployment was frozen, when this tick was due."
# Organizations take turns, so that none waits for all that another has.
# Nothing ticks in an organization that is not active, in a frozen deployment, or in a branch deployment that sleeps, but for timed runs.
_DUE = """
    SELECT org_id, id FROM (
        SELECT i.org_id, i.id, i.next_tick_at, row_number() OVER (PARTITION BY i.org_id ORDER BY i.next_tick_at) AS turn
        FROM instigator i
        JOIN organization o ON o.id = i.org_id AND o.state = 'active'
        JOIN deployment d ON d.org_id = i.org_id AND d.id = i.deployment_id AND d.frozen_at IS NULL
        WHERE i.is_running AND i.next_tick_at <= now()
        AND (d.is_awake OR i.runs_until IS NOT NULL OR i.ticks_left IS NOT NULL)
    ) due ORDER BY turn, next_tick_at LIMIT %s
"""
# What could not be fired for a mistake of ours.
_LATER = datetime.timedelta(seconds=60)


def beat() -> bool:
    """Make ticks of what is due, of whatever organization; whether more may be due at once."""
    Instigator.objects.across_orgs(reason="schedules and sensors that are due")
    due = recordsets.fetch(_DUE, [_BITE], using="door")
    by_org: dict[UUID, list[UUID]] = defaultdict(list)
    for org_id, instigator_id in due:
        by_org[org_id].append(instigator_id)
    claimed = sum(_fire_apart(org_id, ids) for org_id, ids in by_org.items())
    # Where another clock has claimed all of them, it is its turn.
    return len(due) == _BITE and claimed > 0


def _fire_apart(org_id: UUID, instigator_ids: Sequence[UUID]) -> int:
    """So that one that cannot be fired keeps neither other organizations' waiting nor its own."""
    try:
        return fire(org_id, instigator_ids)
    except (AppError, OperationalError, InterfaceError) as error:
        # Of this moment: they are due still.
        log.warning("ticks.not_fired", org=str(org_id), error=str(error))
        return 0
    except Exception:
        log.exception("ticks.not_fired", org=str(org_id), instigators=len(instigator_ids))
    if len(instigator_ids) > 1:
        return sum(_fire_apart(org_id, [instigator_id]) for instigator_id in instigator_ids)
    with org_scope(org_id):
        rows = Instigator.objects.for_org(org_id).filter(id__in=instigator_ids, next_tick_at__lte=Now())
        return rows.update(next_tick_at=Now() + _LATER)


def fire(org_id: UUID, instigator_ids: Sequence[UUID]) -> int:
    """Claim those of the instigators that are due, and make their ticks; how many were claimed."""
    with org_scope(org_id):
        rows = _claimed(org_id, instigator_ids)
        if not rows:
            return 0
        now = rows[0].asked_at  # type: ignore[attr-defined]  # annotated by _claimed
        policies = Policies(org_id, {row.deployment_id for row in rows})
        ticks = [tick for row in rows for tick in _turn(row, policies, now)]
        by_id = {row.id: row for row in rows}
        waiting = [tick for tick in ticks if tick.status == TickStatus.WAITING]
        _keep_awake(org_id, rows, policies)
        ask(org_id, waiting, by_id, policies, now)
        Tick.unscoped.bulk_create(ticks, ignore_conflicts=True, batch_size=1000)
        save_states(org_id, rows)
        wakeups.wake(f"org:{org_id}:automation")
        return len(rows)


def _claimed(org_id: UUID, instigator_ids: Sequence[UUID]) -> list[Instigator]:
    rows = Instigator.objects.for_org(org_id).select_for_update(skip_locked=True, no_key=True)
    due = rows.filter(id__in=instigator_ids, is_running=True, next_tick_at__lte=Now())
    return list(due.annotate(asked_at=Now()).order_by("next_tick_at", "id"))


def _turn(row: Instigator, policies: Policies, now: datetime.datetime) -> list[Tick]:
    """Its ticks that are due, and where it goes from here."""
    of_branch = policies.of_branch(row.deployment_id)
    if is_over(row, now):
        end_after_ticks(row, now, of_branch=of_branch)
        return []
    if row.kind == InstigatorKind.SENSOR:
        assert row.next_tick_at is not None, "it was claimed by it"
        tick = new_tick(row, row.next_tick_at, now)
        row.open_tick_id, row.next_tick_at = tick.id, None
        _use_up(row, 1)
        return [tick]
    ticks = _of_schedule(row, policies, now, of_branch=of_branch)
    row.next_tick_at = next_due(row, now)
    _use_up(row, sum(tick.status == TickStatus.WAITING for tick in ticks))
    if row.runs_until is not None and row.next_tick_at is not None:
        row.next_tick_at = min(row.next_tick_at, row.runs_until)
    return ticks


def _use_up(row: Instigator, ticks: int) -> None:
    """So many ticks less of a timed run; with the last one it waits for its end."""
    if row.ticks_left is not None and ticks:
        row.ticks_left = max(0, row.ticks_left - ticks)
        if row.ticks_left == 0:
            row.next_tick_at = None


def _of_schedule(row: Instigator, policies: Policies, now: datetime.datetime, *, of_branch: bool) -> list[Tick]:
    """What is due now is evaluated; of what nobody claimed in time the newest few are, and the others were missed."""
    dues = due_until(row, now, MOST_MISSED)
    late = [due for due in dues if now - due > _LATE]
    if of_branch:
        # It slept, or nobody had turned it on: nothing was expected.
        return [new_tick(row, due, now) for due in dues[len(late) :]][: row.ticks_left]
    missed = late[: max(0, len(late) - policies.catch_up(row.deployment_id))]
    gone = [new_tick(row, due, now) for due in missed]
    for tick in gone:
        tick.status, tick.ended_at, tick.look_at = TickStatus.MISSED, now, None
        tick.reason = f"{NOBODY_CLAIMED} Only the newest are caught up."
    return [*gone, *[new_tick(row, due, now) for due in dues[len(missed) :]][: row.ticks_left]]


def new_tick(row: Instigator, due_at: datetime.datetime, now: datetime.datetime, *, asked_by: str = "") -> Tick:
    """A tick that waits to be asked; not saved."""
    return Tick(
        org_id=row.org_id,
        id=tick_id(row.id, due_at),
        deployment_id=row.deployment_id,
        instigator_id=row.id,
        location_name=row.location_name,
        kind=row.kind,
        name=row.name,
        due_at=due_at,
        created_at=now,
        waiting_since=now,
        look_at=now,
        asked_by=asked_by[:254],
    )


def _keep_awake(org_id: UUID, rows: Sequence[Instigator], policies: Policies) -> None:
    """A timed run keeps its branch deployment awake while it lasts; others do not."""
    for deployment_id in {row.deployment_id for row in rows if is_timed(row) and policies.of_branch(row.deployment_id)}:
        try:
            wake(org_id=org_id, deployment_id=deployment_id)
        except AppError as error:
            log.info("ticks.branch_not_woken", deployment=str(deployment_id), error=error.message)
