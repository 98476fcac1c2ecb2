"""The same done to many runs: cancel, run again, delete. A row with its progress, worked off in bites; whoever dies, another goes on.

What takes longer than a few seconds is left to the sweep, in which organizations take turns: nobody's 50,000 runs hold up another's ten.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import QuerySet, Window
from django.db.models.functions import Now, RowNumber

from controlplane.core.background import enqueue
from controlplane.deployments.freezing import require_thawed
from controlplane.deployments.visibility import Visible
from controlplane.runs import audit_trail, services
from controlplane.runs.deleting import delete_ended, delete_output
from controlplane.runs.models import BulkAction, BulkKind, Run
from controlplane.runs.selectors import RunFilter, narrowed
from controlplane.runs.visible_runs import covered_runs
from tenants.access import Actor, ActorKind
from tenants.errors import AppError, InvalidError, NotFoundError
from tenants.permissions import Permission
from tenants.scoping import org_scope, read_scope

log = structlog.get_logger(__name__)

RUNS_MAX = 50_000
# Runs in one transaction: others wait for these no longer than they take, some 15 ms each.
_BITE = 25
_REASONS_SHOWN = 20
# What one action has of a worker before the others get their turn; most are done by then.
_SLICE_SECONDS = 5.0
# A little less than its pause (settings.DUE_JOBS), so that it is not late for the next.
_SWEEP_SECONDS = 9.0
# Of one organization, that a sweep goes on with.
_ACTIONS_OF_ORG = 20
# What each needs, on every run that it is done to.
RIGHTS = {
    BulkKind.CANCEL: Permission.RUN_CANCEL,
    BulkKind.REEXECUTE: Permission.RUN_LAUNCH,
    BulkKind.REEXECUTE_FROM_FAILURE: Permission.RUN_LAUNCH,
    BulkKind.DELETE: Permission.RUN_DELETE,
}


@dataclass(frozen=True)
class Wanted:
    """Runs by their ids, or by a filter; `newest` leaves out what was made after it, since somebody looked."""

    run_ids: Sequence[UUID] | None = None
    filters: RunFilter | None = None
    newest: UUID | None = None

    def rows(self, visible: Visible) -> QuerySet[Run]:
        """Those of them that the caller sees; read it inside org_scope."""
        rows = narrowed(visible, self.filters or RunFilter())
        if self.run_ids is not None:
            rows = rows.filter(id__in=list(self.run_ids))
        return rows if self.newest is None else rows.filter(id__lte=self.newest)


@dataclass(frozen=True)
class Outlook:
    """What would be done: to how many runs, how many of these have ended, and how many of those that are seen one may not do it to.

    Each is counted up to RUNS_MAX + 1; where `total` is that, nothing is done, and nothing is said to be refused.
    """

    total: int
    ended: int
    refused: int
    newest: UUID | None

    @property
    def going_on(self) -> int:
        return self.total - self.ended


def outlook(visible: Visible, kind: BulkKind, wanted: Wanted) -> Outlook:
    """Before somebody says yes."""
    with read_scope(visible.org_id):
        seen = wanted.rows(visible)
        found = list(
            covered_runs(visible, RIGHTS[kind], seen).order_by("-id").values_list("id", "ended_at")[: RUNS_MAX + 1]
        )
        refused = 0
        if len(found) <= RUNS_MAX and not visible.part(RIGHTS[kind]).is_everything:
            refused = seen.order_by("-id").values("id")[: RUNS_MAX + 1].count() - len(found)
    ended = sum(1 for _id, at in found if at is not None)
    return Outlook(len(found), ended, max(refused, 0), found[0][0] if found else None)


def start(visible: Visible, kind: BulkKind, wanted: Wanted, *, actor: Actor) -> BulkAction:
    """Do this to the runs that are wanted and there now, as far as the caller may; the newest first.

    InvalidError for none, or for more than RUNS_MAX. A frozen deployment lets runs be canceled, and nothing else.
    """
    with org_scope(visible.org_id):
        if kind != BulkKind.CANCEL:
            require_thawed(visible.org_id, visible.deployment_id)
        found = covered_runs(visible, RIGHTS[kind], wanted.rows(visible)).order_by("-id").values_list("id", flat=True)
        ids = [str(run_id) for run_id in found[: RUNS_MAX + 1]]
        if not ids:
            raise InvalidError("There is no run among these that you may do this to.", attr="runs")
        if len(ids) > RUNS_MAX:
            raise InvalidError(f"These are more than {RUNS_MAX:,} runs: narrow the filter.", attr="filter")
        action = BulkAction.objects.create_in(
            visible.org_id,
            deployment_id=visible.deployment_id,
            kind=kind,
            run_ids=ids,
            total=len(ids),
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_label=actor.label[:254],
        )
        audit_trail.note_bulk_action(action, actor)
        enqueue("runs.go_on_with_bulk_action", org_id=visible.org_id, bulk_action_id=action.id)
        return action


def bulk_action(visible: Visible, bulk_action_id: UUID) -> BulkAction:
    """One of the deployment; NotFoundError without it."""
    with read_scope(visible.org_id):
        rows = BulkAction.objects.for_org(visible.org_id).filter(deployment_id=visible.deployment_id)
        found = rows.defer("run_ids").filter(id=bulk_action_id).first()
    if found is None:
        raise NotFoundError("There is no such bulk action in this deployment.")
    return found


def newest(visible: Visible, limit: int = 5) -> list[BulkAction]:
    """The last ones of the deployment, the newest first."""
    with read_scope(visible.org_id):
        rows = BulkAction.objects.for_org(visible.org_id).filter(deployment_id=visible.deployment_id)
        return list(rows.defer("run_ids", "skipped_why").order_by("-id")[:limit])


def go_on(org_id: UUID, bulk_action_id: UUID) -> None:
    """Bite by bite, to its end or for a time slice: then the sweep goes on. Returns early where somebody else is at it."""
    until = time.monotonic() + _SLICE_SECONDS
    while _next(org_id, bulk_action_id):
        if time.monotonic() > until:
            enqueue("runs.sweep_bulk_actions")
            return


def _next(org_id: UUID, bulk_action_id: UUID) -> bool:
    """One bite; False when there is nothing to be done here any more."""
    _delete_output(org_id, bulk_action_id)
    return _bite(org_id, bulk_action_id)


def _delete_output(org_id: UUID, bulk_action_id: UUID) -> None:
    """Of the runs that the next bite deletes."""
    with org_scope(org_id):
        rows = BulkAction.objects.for_org(org_id).filter(id=bulk_action_id, ended_at=None, kind=BulkKind.DELETE)
        action = rows.first()
    if action is not None:
        at = action.done + action.skipped
        delete_output(org_id, [UUID(run_id) for run_id in action.run_ids[at : at + _BITE]])


def _bite(org_id: UUID, bulk_action_id: UUID) -> bool:
    """Deal with the next few; False when there is nothing to be done here any more."""
    with org_scope(org_id):
        rows = BulkAction.objects.for_org(org_id).select_for_update(skip_locked=True, no_key=True)
        action = rows.filter(id=bulk_action_id, ended_at=None).first()
        if action is None:
            return False
        at = action.done + action.skipped
        actor = Actor(ActorKind(action.actor_kind), action.actor_id, action.actor_label)
        for run_id in action.run_ids[at : at + _BITE]:
            _one(action, UUID(run_id), actor)
        ended = action.done + action.skipped >= action.total
        values = {"done": action.done, "skipped": action.skipped, "skipped_why": action.skipped_why}
        BulkAction.objects.for_org(org_id).filter(id=action.id).update(
            **values, **({"ended_at": Now()} if ended else {})
        )
    return not ended


def _one(action: BulkAction, run_id: UUID, actor: Actor) -> None:
    try:
        with transaction.atomic():
            _ACTS[BulkKind(action.kind)](action.org_id, run_id, actor)
    except AppError as error:
        action.skipped += 1
        if len(action.skipped_why) < _REASONS_SHOWN:
            action.skipped_why.append({"run": str(run_id), "why": error.message[:500]})
    else:
        action.done += 1


def _cancel(org_id: UUID, run_id: UUID, actor: Actor) -> None:
    services.cancel_run(org_id=org_id, run_id=run_id, actor=actor, noted=False)


def _again(*, from_failure: bool) -> Callable[[UUID, UUID, Actor], None]:
    def again(org_id: UUID, run_id: UUID, actor: Actor) -> None:
        services.reexecute_run(org_id=org_id, run_id=run_id, from_failure=from_failure, actor=actor, noted=False)

    return again


def _delete(org_id: UUID, run_id: UUID, _actor: Actor) -> None:
    delete_ended(org_id, run_id)


_ACTS: dict[BulkKind, Callable[[UUID, UUID, Actor], None]] = {
    BulkKind.CANCEL: _cancel,
    BulkKind.REEXECUTE: _again(from_failure=False),
    BulkKind.REEXECUTE_FROM_FAILURE: _again(from_failure=True),
    BulkKind.DELETE: _delete,
}


def sweep() -> None:
    """Go on with those that nobody works at any more, and with long ones: a bite of one organization after the other, for a time slice."""
    until, waiting = time.monotonic() + _SWEEP_SECONDS, _open_actions()
    while waiting:
        for org_id, actions in list(waiting.items()):
            if time.monotonic() > until:
                return
            action_id = actions.popleft()
            if _next_alone(org_id, action_id):
                actions.append(action_id)
            if not actions:
                del waiting[org_id]


def _open_actions() -> dict[UUID, deque[UUID]]:
    """By organization, the oldest first; who is first among the organizations is another one every time."""
    rows = BulkAction.objects.across_orgs(reason="go on with what is done to many runs").filter(ended_at=None)
    place = Window(RowNumber(), partition_by="org_id", order_by="id")
    found: dict[UUID, deque[UUID]] = {}
    oldest = rows.annotate(place=place).filter(place__lte=_ACTIONS_OF_ORG).order_by("id")
    for org_id, action_id in oldest.values_list("org_id", "id"):
        found.setdefault(org_id, deque()).append(action_id)
    turns = list(found.items())
    random.shuffle(turns)
    return dict(turns)


def _next_alone(org_id: UUID, bulk_action_id: UUID) -> bool:
    """As `_next`; what goes wrong in one action keeps no other waiting."""
    try:
        return _next(org_id, bulk_action_id)
    except Exception:
        log.exception("bulk_action.failed", org_id=str(org_id), bulk_action_id=str(bulk_action_id))
        return False
