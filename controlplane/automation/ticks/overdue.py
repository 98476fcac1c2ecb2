"""Open ticks that somebody has to look after: those that wait for an agent, and those whose agent does not answer.

So every tick ends: what an agent took with it is asked again, what nobody can evaluate is missed, what takes too long has failed.
"""

import datetime
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError
from django.db.models import F
from django.db.models.functions import Least, Now

from controlplane.automation.instigators.running import is_timed
from controlplane.automation.models import LOST, Instigator, Tick, TickStatus
from controlplane.automation.ticks.asking import ASKED, ask
from controlplane.automation.ticks.endings import OPEN, end
from controlplane.automation.ticks.policies import (
    LOOK,
    LOST_OFTEN,
    MOST_ATTEMPTS,
    PATIENCE,
    PATIENCE_AFTER_LOSS,
    PATIENCE_FOR_WAKING,
    Policies,
)
from controlplane.core import recordsets
from controlplane.dispatch.models import Command
from controlplane.fleet.health import AgentState
from controlplane.fleet.selectors import AgentView, agents
from tenants.errors import AppError
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

_BITE = 500
_OPEN = """
    SELECT org_id, id FROM (
        SELECT org_id, id, look_at, row_number() OVER (PARTITION BY org_id ORDER BY look_at) AS turn
        FROM tick WHERE status IN ('WAITING', 'STARTED') AND look_at <= now()
    ) due ORDER BY turn, look_at LIMIT %s
"""
# What could not be looked after for a mistake of ours.
_LATER = datetime.timedelta(seconds=60)


def beat() -> bool:
    """Look after open ticks that are due for it, of whatever organization; whether more are at once."""
    Tick.objects.across_orgs(reason="open ticks that wait or take too long")
    found = recordsets.fetch(_OPEN, [_BITE], using="door")
    by_org: dict[UUID, list[UUID]] = defaultdict(list)
    for org_id, tick_id in found:
        by_org[org_id].append(tick_id)
    looked_after = sum(_look_after_apart(org_id, tick_ids) for org_id, tick_ids in by_org.items())
    return len(found) == _BITE and looked_after > 0


def _look_after_apart(org_id: UUID, tick_ids: Sequence[UUID]) -> int:
    """So that one that cannot be looked after keeps neither other organizations' waiting nor its own."""
    try:
        return look_after(org_id, tick_ids)
    except (AppError, OperationalError, InterfaceError) as error:
        # Of this moment: they are looked after again.
        log.warning("ticks.not_looked_after", org=str(org_id), error=str(error))
        return 0
    except Exception:
        log.exception("ticks.not_looked_after", org=str(org_id), ticks=len(tick_ids))
    if len(tick_ids) > 1:
        return sum(_look_after_apart(org_id, [tick_id]) for tick_id in tick_ids)
    with org_scope(org_id):
        rows = Tick.objects.for_org(org_id).filter(id__in=tick_ids, status__in=OPEN)
        return rows.update(look_at=Now() + _LATER)


def look_after(org_id: UUID, tick_ids: Sequence[UUID]) -> int:
    """Ask again, or end, those of the ticks that nobody else has in hand; how many that were."""
    with org_scope(org_id):
        rows, ticks = _locked(org_id, tick_ids)
        if not ticks:
            return 0
        now = ticks[0].asked_at  # type: ignore[attr-defined]  # annotated by _locked
        policies = Policies(org_id, {row.deployment_id for row in rows.values()})
        lost = _lost(org_id, ticks)
        again = [
            tick for tick in ticks if _judge(tick, rows[tick.instigator_id], policies, now, is_lost=tick.id in lost)
        ]
        ask(org_id, again, rows, policies, now)
        for tick in again:
            _give_up(tick, rows[tick.instigator_id], policies, now)
        still_open = [tick for tick in again if tick.status in OPEN]
        Tick.objects.for_org(org_id).bulk_update(still_open, [*ASKED, "waiting_since"], batch_size=100)
        under_way = [tick.id for tick in ticks if tick.status == TickStatus.STARTED and tick not in again]
        later = Least(Now() + LOOK, F("deadline_at"))
        Tick.objects.for_org(org_id).filter(id__in=under_way).update(look_at=later)
        return len(ticks)


def _locked(org_id: UUID, tick_ids: Sequence[UUID]) -> tuple[dict[UUID, Instigator], list[Tick]]:
    """The ticks and their instigators; those that somebody else holds are left for later."""
    known = Tick.objects.for_org(org_id).filter(id__in=tick_ids)
    ids = set(known.values_list("instigator_id", flat=True))
    held = Instigator.objects.for_org(org_id).select_for_update(skip_locked=True, no_key=True)
    rows = {row.id: row for row in held.filter(id__in=ids).order_by("id")}
    open_ticks = known.select_for_update(skip_locked=True, no_key=True).filter(
        instigator_id__in=rows.keys(), status__in=OPEN, look_at__lte=Now()
    )
    return rows, list(open_ticks.annotate(asked_at=Now()).order_by("due_at"))


def _lost(org_id: UUID, ticks: Sequence[Tick]) -> set[UUID]:
    """Those whose agent is gone, or began anew since it was asked: their question is lost with it."""
    asked = {tick.command_id: tick for tick in ticks if tick.command_id is not None}
    if not asked:
        return set()
    commands = Command.objects.for_org(org_id).filter(id__in=asked.keys())
    holders = dict(commands.values_list("id", "agent_id"))
    known = {view.agent.id: view for view in agents(org_id)}
    return {
        tick.id
        for command_id, tick in asked.items()
        if command_id not in holders or not _still_has_it(known.get(holders[command_id]), tick)
    }


def _still_has_it(view: AgentView | None, tick: Tick) -> bool:
    if view is None:
        return False
    is_there = view.state in {AgentState.CONNECTED, AgentState.DRAINING} and not view.verdict.needs_attention
    return is_there and tick.started_at is not None and view.agent.registered_at <= tick.started_at


def _judge(tick: Tick, row: Instigator, policies: Policies, now: datetime.datetime, *, is_lost: bool) -> bool:
    """Whether it is to be asked (again); what is over is ended here."""
    of_branch = policies.of_branch(row.deployment_id)
    if tick.status == TickStatus.WAITING:
        return True
    assert tick.deadline_at is not None, "an agent was asked"
    if is_lost and tick.attempt < MOST_ATTEMPTS:
        tick.waiting_since = now
        return True
    if is_lost or tick.deadline_at <= now:
        seconds = f"{policies.timeout(row):.0f} s"
        why = LOST_OFTEN if is_lost else f"It was not answered within {seconds}. Does it hang, or is its agent busy?"
        end(tick, row, TickStatus.FAILURE, now, of_branch=of_branch, reason=why)
        return False
    return False


def _give_up(tick: Tick, row: Instigator, policies: Policies, now: datetime.datetime) -> None:
    """What waits for too long, or for nobody, is over."""
    of_branch = policies.of_branch(row.deployment_id)
    if tick.status != TickStatus.WAITING or now - tick.waiting_since < _patience(tick, row, of_branch=of_branch):
        return
    status = TickStatus.MISSED if tick.attempt == 0 else TickStatus.FAILURE
    reason = tick.reason if tick.attempt == 0 else f"{LOST} {tick.reason}"
    end(tick, row, status, now, of_branch=of_branch, reason=reason)


def _patience(tick: Tick, row: Instigator, *, of_branch: bool) -> datetime.timedelta:
    if of_branch and (is_timed(row) or tick.asked_by):
        return PATIENCE_FOR_WAKING
    return PATIENCE if tick.attempt == 0 else PATIENCE_AFTER_LOSS
