"""The runs that ticks asked for: launched after what asked for them is stored, and once more where somebody died in between."""

from collections import defaultdict
from uuid import UUID

import structlog
from django.db import DatabaseError, transaction

from controlplane.automation.models import Instigator, RequestedRun, RequestState, Tick, TickStatus
from controlplane.automation.requests import BITE, LAUNCHABLE, actor_of, launch
from controlplane.core import recordsets, wakeups
from controlplane.core.background import enqueue
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

TASK = "automation.launch_tick"
_SWEEP_MAX = 500
# As many reasons are told as people read.
_REASONS = 5
# Whoever stored them launches them himself at first. Deployments take turns.
_WAITING = f"""
    SELECT org_id, source_id FROM (
        SELECT org_id, source_id, row_number() OVER (PARTITION BY org_id, deployment_id ORDER BY source_id) AS turn FROM (
            SELECT DISTINCT org_id, deployment_id, source_id FROM requested_run
            WHERE state = 'pending' AND source = 'tick' AND {LAUNCHABLE} AND created_at < now() - interval '5 seconds'
        ) asked
    ) waiting ORDER BY turn, random() LIMIT %s
"""  # noqa: S608 - the part is SQL of this repository


def after_commit(org_id: UUID, tick_id: UUID, count: int) -> None:
    """Launch what this tick asked for once the transaction that stores it commits: here when they are few, else in a task."""
    if count > BITE:
        enqueue(TASK, org_id=org_id, tick_id=tick_id)
    elif count:
        transaction.on_commit(lambda: _launch_now(org_id, tick_id))


def _launch_now(org_id: UUID, tick_id: UUID) -> None:
    try:
        launch_of_tick(org_id=org_id, tick_id=tick_id)
    except DatabaseError as error:
        log.warning("tick.not_launched", tick=str(tick_id), error=str(error))
    except Exception:
        # A mistake of ours with one tick: the others' runs are launched all the same.
        log.exception("tick.not_launched", org=str(org_id), tick=str(tick_id))


def launch_waiting() -> int:
    """Launch what is pending for a while, of whatever organization: whoever stored it died. How many ticks that were."""
    RequestedRun.objects.across_orgs(reason="runs that ticks asked for and nobody launched")
    by_org: dict[UUID, list[UUID]] = defaultdict(list)
    for org_id, tick_id in recordsets.fetch(_WAITING, [_SWEEP_MAX], using="door"):
        by_org[org_id].append(tick_id)
    for org_id, tick_ids in by_org.items():
        for tick_id in tick_ids:
            _launch_now(org_id, tick_id)
    return sum(map(len, by_org.values()))


def launch_of_tick(*, org_id: UUID, tick_id: UUID) -> None:
    """Launch all that this tick asked for, and note on it what came of that. Safe to do twice, and beside others."""
    with org_scope(org_id):
        tick = Tick.objects.for_org(org_id).filter(id=tick_id).first()
        row = Instigator.objects.for_org(org_id).filter(id=tick.instigator_id).first() if tick else None
        pending = RequestedRun.objects.for_org(org_id).filter(source_id=tick_id, state=RequestState.PENDING)
        ids = list(pending.order_by("position").values_list("id", flat=True))
        if row is None:
            pending.update(state=RequestState.CANCELED, refusal="The schedule or sensor is gone.")
    if row is not None and ids:
        launch(org_id, ids, actor_of(row))
        with org_scope(org_id):
            _note(org_id, tick_id)


def _note(org_id: UUID, tick_id: UUID) -> None:
    """What became of all of them; nothing while some are pending in another's hands."""
    requests = RequestedRun.objects.for_org(org_id).filter(source_id=tick_id)
    states = list(requests.order_by("position").values_list("state", "refusal"))
    tick = Tick.objects.for_org(org_id).select_for_update(no_key=True).filter(id=tick_id).first()
    if tick is None or any(state == RequestState.PENDING for state, _ in states):
        return
    refusals = [refusal for state, refusal in states if state == RequestState.REFUSED]
    launched = sum(state == RequestState.LAUNCHED for state, _ in states)
    if refusals:
        tick.status, tick.reason = TickStatus.FAILURE, _reason(refusals, launched)
    elif not launched and not tick.reactions:
        tick.status = TickStatus.SKIPPED
        tick.skip_reason = tick.skip_reason or "Runs with these run keys were launched before."
    tick.requested = launched
    tick.save(update_fields=["status", "reason", "skip_reason", "requested"])
    wakeups.wake(f"org:{org_id}:automation")


def _reason(refusals: list[str], launched: int) -> str:
    runs = "1 run was" if len(refusals) == 1 else f"{len(refusals)} runs were"
    others = f" {launched} launched." if launched else ""
    distinct = list(dict.fromkeys(refusals))
    more = f" And {len(distinct) - _REASONS} more reasons." if len(distinct) > _REASONS else ""
    return f"{runs} refused.{others} {' '.join(distinct[:_REASONS])}{more}"
