"""Runs of a backfill are launched a few at a time, so that its pause, its priority and its end count for what is not launched yet."""

from collections.abc import Sequence
from uuid import UUID

from controlplane.automation.backfills.progress import attach, live_runs, locked
from controlplane.automation.models import (
    Backfill,
    BackfillPartition,
    BackfillStatus,
    PartitionProgress,
    RequestedRun,
    RequestSource,
    RequestState,
)
from controlplane.automation.requests import BITE, launch
from controlplane.deployments.freezing import require_thawed
from controlplane.runs.models import Run
from controlplane.runs.states import RunStatus
from tenants.access import Actor, ActorKind
from tenants.errors import AppError
from tenants.organizations import require_writable
from tenants.scoping import org_scope

# Runs of one backfill that wait in the queue at once.
QUEUED_MAX = 200


def launch_next(org_id: UUID, backfill_id: UUID) -> int:
    """Fill the queue with its next runs; how many were launched. What nobody may launch now waits, and says why."""
    taken = _take(org_id, backfill_id)
    if not taken:
        return 0
    launched = 0
    for start in range(0, len(taken), BITE):
        try:
            launched += _launch(org_id, backfill_id, taken[start : start + BITE])
        except AppError as error:
            _say(org_id, backfill_id, error.message)
            return launched
    _say(org_id, backfill_id, "")
    return launched


def _take(org_id: UUID, backfill_id: UUID) -> list[UUID]:
    """The requests to be launched now: those that were taken before and are pending still, then others."""
    with org_scope(org_id):
        backfill = locked(org_id, backfill_id)
        if backfill is None or backfill.is_paused or backfill.status != BackfillStatus.REQUESTED:
            return []
        rows = BackfillPartition.objects.for_org(org_id).filter(backfill_id=backfill_id)
        begun = rows.filter(state=PartitionProgress.REQUESTED, run_id=None, request_id__isnull=False)
        taken = list(begun.order_by("request_id").values_list("request_id", flat=True).distinct())
        queued = Run.objects.for_org(org_id).filter(id__in=live_runs(backfill), status=RunStatus.QUEUED).count()
        room = QUEUED_MAX - queued - len(taken)
        if room > 0:
            taken += _more(backfill, set(taken), room)
        rows.filter(request_id__in=taken, state=PartitionProgress.TARGETED).update(state=PartitionProgress.REQUESTED)
        return [request_id for request_id in taken if request_id is not None]


def _more(backfill: Backfill, taken: set[UUID | None], room: int) -> list[UUID]:
    pending = RequestedRun.objects.for_org(backfill.org_id).filter(
        source=RequestSource.BACKFILL, source_id=backfill.id, state=RequestState.PENDING
    )
    found = pending.order_by("position").values_list("id", flat=True)[: room + len(taken)]
    return [request_id for request_id in found if request_id not in taken][:room]


def _launch(org_id: UUID, backfill_id: UUID, request_ids: Sequence[UUID]) -> int:
    """In one transaction with what forbids it: a freeze, an organization that is read-only. These are waited for, not failures."""
    with org_scope(org_id):
        backfill = locked(org_id, backfill_id)
        if backfill is None or backfill.is_paused or backfill.status != BackfillStatus.REQUESTED:
            return 0
        require_writable(org_id)
        require_thawed(org_id, backfill.deployment_id)
        launched = launch(org_id, request_ids, actor_of(backfill))
        attach(backfill)
        return launched


def actor_of(backfill: Backfill) -> Actor:
    """Who its runs say launched them."""
    return Actor(ActorKind.AUTOMATION, backfill.id, f"Backfill by {backfill.actor_label}"[:254])


def _say(org_id: UUID, backfill_id: UUID, why: str) -> None:
    with org_scope(org_id):
        Backfill.objects.for_org(org_id).filter(id=backfill_id).exclude(waiting=why[:500]).update(waiting=why[:500])
