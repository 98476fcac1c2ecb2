"""What people do with a backfill that is under way: pause, resume, cancel, another priority, another title. Each is audited."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from controlplane.automation.backfills.progress import live_runs, locked
from controlplane.automation.backfills.requesting import (
    DESCRIPTION_MAX,
    TITLE_MAX,
    check_priority,
    check_text,
    note,
)
from controlplane.automation.backfills.selectors import require_on
from controlplane.automation.backfills.waking import wake
from controlplane.automation.models import (
    Backfill,
    BackfillPartition,
    BackfillStatus,
    PartitionProgress,
    RequestedRun,
    RequestState,
)
from controlplane.core import recordsets
from controlplane.deployments.freezing import require_thawed
from controlplane.deployments.visibility import Visible
from controlplane.runs import labels, reasons, retry_verdicts, transitions
from controlplane.runs.locking import lock_runs
from controlplane.runs.requests import PRIORITY_TAG
from controlplane.runs.states import RunStatus
from tenants.access import Actor
from tenants.errors import ConflictError
from tenants.organizations import require_writable
from tenants.permissions import Permission
from tenants.scoping import org_scope

_ENDED = "The backfill has ended already."


def pause(visible: Visible, backfill: Backfill, *, actor: Actor) -> Backfill:
    """Launch nothing more until it is resumed: what is in the queue waits there, what runs goes on.

    Twice changes nothing; ConflictError once it ended.
    """
    return _turn(visible, backfill, actor, paused=True)


def resume(visible: Visible, backfill: Backfill, *, actor: Actor) -> Backfill:
    """Go on: what it has in the queue may start again, and more is launched; as `pause`."""
    return _turn(visible, backfill, actor, paused=False)


def _turn(visible: Visible, backfill: Backfill, actor: Actor, *, paused: bool) -> Backfill:
    require_on(visible, Permission.BACKFILL_LAUNCH, backfill)
    with org_scope(visible.org_id):
        require_writable(visible.org_id)
        if not paused:
            require_thawed(visible.org_id, visible.deployment_id)
        found = _open(backfill)
        if found.is_paused != paused:
            found.is_paused, found.paused_by = paused, actor.label[:254] if paused else ""
            found.next_due_at = found.looked_at or found.created_at
            found.save(update_fields=["is_paused", "paused_by", "next_due_at"])
            note(found, actor, "backfill.pause" if paused else "backfill.resume")
            wake(found)
            transitions.announce_queue(visible.org_id)
        return found


def change(
    visible: Visible,
    backfill: Backfill,
    *,
    actor: Actor,
    title: str | None = None,
    description: str | None = None,
    priority: int | None = None,
) -> Backfill:
    """Say what it is for, or let it go before others. A priority counts for runs that wait, also for those in the queue already."""
    require_on(visible, Permission.BACKFILL_LAUNCH, backfill)
    with org_scope(visible.org_id):
        require_writable(visible.org_id)
        require_thawed(visible.org_id, visible.deployment_id)
        runs = live_runs(backfill) if priority is not None else []
        # Runs before everything else: that is the order of locks.
        queued = [run.id for run in lock_runs(visible.org_id, runs).values() if run.status == RunStatus.QUEUED]
        found = locked(visible.org_id, backfill.id) or backfill
        wanted: dict[str, Any] = {
            "title": None if title is None else check_text(title, TITLE_MAX, "title"),
            "description": None if description is None else check_text(description, DESCRIPTION_MAX, "description"),
            "priority": None if priority is None else check_priority(priority),
        }
        changed = {name: value for name, value in wanted.items() if value is not None and value != getattr(found, name)}
        if "priority" in changed and found.ended_at is not None:
            raise ConflictError(_ENDED)
        if not changed:
            return found
        before = {name: getattr(found, name) for name in changed}
        Backfill.objects.for_org(visible.org_id).filter(id=found.id).update(**changed)
        if "priority" in changed:
            _prioritize(found, queued, changed["priority"])
        note(found, actor, "backfill.update", before=before, after=changed)
        found.refresh_from_db()
        return found


_WAITING = """
    UPDATE requested_run SET body = jsonb_set(body, ARRAY['tags', %(tag)s], to_jsonb(%(text)s::text))
    WHERE org_id = %(org)s AND source = 'backfill' AND source_id = %(backfill)s AND state = 'pending'
"""
_QUEUED = """
    UPDATE run SET priority = %(priority)s, tags = jsonb_set(tags, ARRAY[%(tag)s], to_jsonb(%(text)s::text)), updated_at = now()
    WHERE org_id = %(org)s AND id = ANY(%(runs)s)
"""
# Lists of runs find them by the tag as it is now.
_UNLABELED = """
    DELETE FROM run_label WHERE org_id = %(org)s AND run_id = ANY(%(runs)s) AND label = %(old_label)s
"""
_LABELED = """
    INSERT INTO run_label (org_id, run_id, label, deployment_id)
    SELECT %(org)s, run_id, %(label)s, %(deployment)s FROM unnest(%(runs)s::uuid[]) AS queued(run_id)
    ON CONFLICT DO NOTHING
"""


def _prioritize(backfill: Backfill, queued: Sequence[UUID], priority: int) -> None:
    values = {
        "org": backfill.org_id,
        "backfill": backfill.id,
        "tag": PRIORITY_TAG,
        "text": str(priority),
        "priority": priority,
        "runs": list(queued),
        "deployment": backfill.deployment_id,
        "old_label": labels.tag(PRIORITY_TAG, str(backfill.priority)),
        "label": labels.tag(PRIORITY_TAG, str(priority)),
    }
    recordsets.execute(_WAITING, values)
    if queued:
        for statement in (_QUEUED, _UNLABELED, _LABELED):
            recordsets.execute(statement, values)


def cancel(visible: Visible, backfill: Backfill, *, actor: Actor) -> Backfill:
    """Launch nothing more, cancel what is queued at once, and ask what runs to stop; it is CANCELING until all of that is over.

    Twice changes nothing; ConflictError once it ended.
    """
    require_on(visible, Permission.BACKFILL_LAUNCH, backfill)
    org_id = visible.org_id
    with org_scope(org_id):
        require_writable(org_id)
        found = _open(backfill)
        if found.status != BackfillStatus.CANCELING:
            _stop(found, actor)
    cancel_runs(org_id, backfill.id)
    with org_scope(org_id):
        return Backfill.objects.for_org(org_id).get(id=backfill.id)


def _stop(backfill: Backfill, actor: Actor) -> None:
    org_id = backfill.org_id
    requests = RequestedRun.objects.for_org(org_id).filter(source_id=backfill.id, state=RequestState.PENDING)
    requests.update(state=RequestState.CANCELED)
    partitions = BackfillPartition.objects.for_org(org_id).filter(backfill_id=backfill.id)
    why = f"Canceled by {actor.label}."
    partitions.filter(state=PartitionProgress.TARGETED).update(state=PartitionProgress.CANCELED, note=why)
    Backfill.objects.for_org(org_id).filter(id=backfill.id).update(
        status=BackfillStatus.CANCELING,
        cancel_requested_by=actor.label[:254],
        is_paused=False,
        waiting="",
        next_due_at=Now(),
    )
    note(
        backfill,
        actor,
        "backfill.cancel",
        before={"status": backfill.status},
        after={"status": BackfillStatus.CANCELING},
    )
    wake(backfill)


def cancel_runs(org_id: UUID, backfill_id: UUID) -> None:
    """Cancel every run of a backfill that is being cancelled: what is queued ends at once, the rest is asked through its agent."""
    with org_scope(org_id):
        backfill = Backfill.objects.for_org(org_id).filter(id=backfill_id, status=BackfillStatus.CANCELING).first()
        if backfill is None:
            return
        by = backfill.cancel_requested_by
        live = live_runs(backfill)
        retry_verdicts.give_up(org_id, live, f"its backfill was cancelled by {by}.")
        runs = [run for run in lock_runs(org_id, live).values() if not run.ended]
        for run in runs:
            run.cancel_requested_by = run.cancel_requested_by or by
            if run.status == RunStatus.QUEUED:
                transitions.move(run, RunStatus.CANCELED, reason=reasons.canceled(by))
            else:
                transitions.move(run, RunStatus.CANCELING)
        transitions.save(org_id, runs)


def _open(backfill: Backfill) -> Backfill:
    found = locked(backfill.org_id, backfill.id)
    if found is None or found.ended_at is not None:
        raise ConflictError(_ENDED)
    return found
