"""The run queue of a deployment: who waits, in which order, and moving a run in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from controlplane.deployments.freezing import require_thawed
from controlplane.deployments.visibility import Visible
from controlplane.runs import audit_trail, run_tags, transitions
from controlplane.runs.errors import RunEndedError
from controlplane.runs.locking import lock_runs
from controlplane.runs.models import Run
from controlplane.runs.requests import PRIORITY_TAG, priority
from controlplane.runs.selectors import PAGE_MAX, RunFilter, filtered
from controlplane.runs.states import RunStatus
from controlplane.runs.visible_runs import require_on_run
from controlplane.runs.waiting import waiting_reasons
from controlplane.runs.waiting_codes import WaitingReason
from controlplane.runs.waiting_seen import seen
from tenants.access import Actor
from tenants.errors import NotFoundError
from tenants.permissions import Permission
from tenants.scoping import org_scope


@dataclass(frozen=True)
class QueuedRun:
    """A run that waits, and why. `waiting.ahead` counts those before it in the deployment's queue."""

    run: Run
    waiting: WaitingReason


@dataclass(frozen=True)
class QueuePage:
    """Some of the queue, the next to start first. `total` is all of it that passes the filter and is visible."""

    runs: Sequence[QueuedRun]
    total: int


def queue(visible: Visible, filters: RunFilter | None = None, *, offset: int = 0, limit: int = 50) -> QueuePage:
    """The queue from `offset` on: by priority, then who came first. Owners take turns within a priority (turns.py)."""
    limit, offset = max(1, min(limit, PAGE_MAX)), max(0, offset)
    with org_scope(visible.org_id):
        rows = filtered(visible, filters or RunFilter()).filter(status=RunStatus.QUEUED)
        total = rows.count()
        runs = list(rows.defer("run_config").order_by("-priority", "id")[offset : offset + limit])
        reasons = seen(visible, waiting_reasons(visible.org_id, runs))
    return QueuePage([QueuedRun(run, reasons[run.id]) for run in runs if run.id in reasons], total)


def set_priority(visible: Visible, run_id: UUID, value: int, *, actor: Actor) -> Run:
    """Move a queued run: higher starts earlier. RunEndedError for one that waits no more."""
    number = priority({PRIORITY_TAG: str(value)})
    with org_scope(visible.org_id):
        locked = lock_runs(visible.org_id, [run_id]).get(run_id)
        run = Run.objects.for_org(visible.org_id).filter(id=run_id, deployment_id=visible.deployment_id).first()
        if run is None or locked is None:
            raise NotFoundError("There is no such run in this deployment.")
        require_on_run(visible, Permission.RUN_LAUNCH, run)
        if run.status != RunStatus.QUEUED:
            raise RunEndedError("The run waits no more: its priority has no effect.")
        require_thawed(visible.org_id, visible.deployment_id)
        before, run.priority = run.priority, number
        Run.objects.for_org(visible.org_id).filter(id=run_id).update(priority=number)
        run_tags.add(visible.org_id, run.deployment_id, run_id, {PRIORITY_TAG: str(number)})
        if before != number:
            audit_trail.note_priority(run, actor, before=before)
        transitions.announce(visible.org_id, [locked])
        run.tags = {**run.tags, PRIORITY_TAG: str(number)}
        return run
