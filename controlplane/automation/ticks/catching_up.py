"""Ticks of schedules that were missed for want of an agent: when one is there again the newest few are evaluated, the others stay missed."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

import structlog
from django.db.models.functions import Now

from controlplane.automation.instigators.running import STATE
from controlplane.automation.models import Instigator, Tick, TickStatus
from controlplane.automation.ticks.asking import ASKED, ask
from controlplane.automation.ticks.policies import Policies
from controlplane.core import recordsets
from tenants.errors import AppError
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

_BITE = 500
_BEHIND = """
    SELECT i.org_id, i.id FROM instigator i
    JOIN organization o ON o.id = i.org_id AND o.state = 'active'
    JOIN deployment d ON d.org_id = i.org_id AND d.id = i.deployment_id AND d.frozen_at IS NULL AND d.is_awake
    WHERE i.missed_from IS NOT NULL AND i.is_running ORDER BY i.missed_from LIMIT %s
"""


def sweep() -> int:
    """Catch up what can be, of whatever organization; how many ticks were asked for."""
    Instigator.objects.across_orgs(reason="schedules with missed ticks")
    by_org: dict[UUID, list[UUID]] = defaultdict(list)
    for org_id, instigator_id in recordsets.fetch(_BEHIND, [_BITE], using="door"):
        by_org[org_id].append(instigator_id)
    asked = 0
    for org_id, ids in by_org.items():
        try:
            asked += catch_up(org_id, ids)
        except AppError as error:
            log.warning("ticks.not_caught_up", org=str(org_id), error=error.message)
    return asked


def catch_up(org_id: UUID, instigator_ids: Sequence[UUID]) -> int:
    """Ask for the newest missed ticks of these; nothing changes for those whose code nobody has loaded yet."""
    with org_scope(org_id):
        held = Instigator.objects.for_org(org_id).select_for_update(skip_locked=True, no_key=True)
        behind = held.filter(id__in=instigator_ids, missed_from__isnull=False, is_running=True)
        rows = {row.id: row for row in behind.annotate(asked_at=Now()).order_by("id")}
        policies = Policies(org_id, {row.deployment_id for row in rows.values()})
        return sum(_catch_up(org_id, row, policies) for row in rows.values())


def _catch_up(org_id: UUID, row: Instigator, policies: Policies) -> int:
    ticks = _newest_missed(org_id, row, policies.catch_up(row.deployment_id))
    now = row.asked_at  # type: ignore[attr-defined]  # annotated by catch_up
    ask(org_id, ticks, {row.id: row}, policies, now)
    if any(tick.status == TickStatus.WAITING for tick in ticks):
        # Still nobody there: as they were.
        return 0
    row.missed_from = None
    row.save(update_fields=list(STATE))
    for tick in ticks:
        tick.ended_at = None
    Tick.objects.for_org(org_id).bulk_update(ticks, [*ASKED, "ended_at"])
    return len(ticks)


def _newest_missed(org_id: UUID, row: Instigator, limit: int) -> list[Tick]:
    """Rising by due time. The last that was evaluated since ends the gap."""
    missed = Tick.objects.for_org(org_id).filter(instigator_id=row.id, due_at__gte=row.missed_from)
    chosen = missed.filter(status=TickStatus.MISSED, asked_by="").select_for_update(no_key=True)
    return list(reversed(chosen.order_by("-id")[:limit]))
