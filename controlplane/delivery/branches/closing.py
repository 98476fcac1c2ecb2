"""The end of a branch deployment: its runs are canceled, its own job takes away what it made, its workers go, and later its rows.

Each step is small and may be done twice: whoever looks next goes on where the last one was killed. The whole is bounded by
DAGGERBOARD_BRANCH_CLOSE_SECONDS, and a job that fails is shown and holds up nothing.
"""

import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from controlplane.delivery.branches import hooks
from controlplane.delivery.branches.rows import BranchRows, branch_now, locked, wake_pull_requests
from controlplane.delivery.models import BranchLife
from controlplane.deployments import branches
from controlplane.deployments.models import BranchDeployment, BranchState, CodeLocation
from controlplane.runs import services as runs
from controlplane.runs.errors import RunEndedError
from controlplane.runs.models import Run
from controlplane.runs.states import TERMINAL, RunStatus
from tenants.access import SYSTEM, Actor
from tenants.audit.services import record
from tenants.errors import AppError
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

# How often the closing job is tried.
_ATTEMPTS = 3
_LOOK_AGAIN = datetime.timedelta(seconds=2)
_PAUSE = datetime.timedelta(seconds=15)
_ENDED = frozenset({BranchState.CLOSING, BranchState.ARCHIVED})


def close(
    *, org_id: UUID, deployment_id: UUID, reason: str, actor: Actor, pull_request_status: str = ""
) -> BranchDeployment:
    """Begin its end; nothing happens to one that is ending or ended. One of which nothing was ever loaded is archived at once."""
    with org_scope(org_id):
        rows = locked(org_id, deployment_id)
        branch, life = rows.branch, rows.life
        if pull_request_status and branch.pull_request_status != pull_request_status:
            branch.pull_request_status = pull_request_status
            branch.save(update_fields=["pull_request_status"])
        if branch.state in _ENDED:
            return branch
        before = branch.state
        branch.state, branch.closed_at, branch.close_reason = BranchState.CLOSING, timezone.now(), reason[:300]
        branch.save(update_fields=["state", "closed_at", "close_reason"])
        life.due_at = life.close_deadline = timezone.now()
        life.close_deadline += datetime.timedelta(seconds=settings.BRANCH_CLOSE_SECONDS)
        life.close_run_id, life.close_attempts, life.close_error = None, 0, ""
        life.save()
        record(
            org_id=org_id,
            actor=actor,
            action="branch_deployment.close",
            target=rows.target,
            before={"state": before},
            after={"state": branch.state},
            deployment_id=deployment_id,
            reason=reason,
        )
        wake_pull_requests(org_id, deployment_id)
    log.info("branch.closing", org=str(org_id), deployment=rows.name, reason=reason)
    go_on(org_id=org_id, deployment_id=deployment_id, actor=actor)
    return branch_now(org_id, deployment_id)


def go_on(*, org_id: UUID, deployment_id: UUID, actor: Actor = SYSTEM) -> None:
    """Take the next step of an end that has begun."""
    with org_scope(org_id):
        rows = locked(org_id, deployment_id)
        if rows.branch.state != BranchState.CLOSING:
            return
        late = rows.life.close_deadline is not None and rows.life.close_deadline <= timezone.now()
        keep = None if late else rows.life.close_run_id
    # Without the branch's lock: runs are locked before everything else.
    under_way = _cancel_runs(org_id, deployment_id, keep=keep)
    with org_scope(org_id):
        rows = locked(org_id, deployment_id)
        if rows.branch.state != BranchState.CLOSING:
            return
        if late:
            _give_up(rows, actor)
        elif under_way:
            _look_again(rows.life, _LOOK_AGAIN)
        else:
            _run_job(rows, actor)


def _cancel_runs(org_id: UUID, deployment_id: UUID, *, keep: UUID | None) -> int:
    """Cancel what runs in it but the closing job; how many have not ended yet."""
    with org_scope(org_id):
        active = Run.objects.for_org(org_id).filter(deployment_id=deployment_id).exclude(status__in=TERMINAL)
        found = list(_but(active, keep).order_by("id").values_list("id", "status"))
    for run_id, status in found:
        if status == RunStatus.CANCELING:
            continue
        try:
            runs.cancel_run(org_id=org_id, run_id=run_id, actor=SYSTEM)
        except RunEndedError:
            continue
    with org_scope(org_id):
        active = Run.objects.for_org(org_id).filter(deployment_id=deployment_id).exclude(status__in=TERMINAL)
        return _but(active, keep).count()


def _but(active: QuerySet[Run], keep: UUID | None) -> QuerySet[Run]:
    return active if keep is None else active.exclude(id=keep)


def _run_job(rows: BranchRows, actor: Actor) -> None:
    """Request the closing job, or see how it went; archive when there is nothing more to wait for."""
    life = rows.life
    if life.on_close is None or not _was_loaded(rows):
        archive(rows, actor)
        return
    if life.close_run_id is None:
        _request_job(rows, actor)
        return
    status, why = hooks.outcome(life.org_id, life.close_run_id)
    if status is None:
        _look_again(life, _LOOK_AGAIN)
    elif status == RunStatus.SUCCESS:
        life.close_error = ""
        archive(rows, actor)
    else:
        life.close_run_id = None
        _failed(rows, f"The closing job ended as {status}{': ' if why else ''}{why}", actor)


def _request_job(rows: BranchRows, actor: Actor) -> None:
    # Its code has to be loaded for that, whether it slept or not.
    branches.set_awake(rows.branch, awake=True)
    life = rows.life
    life.close_attempts += 1
    try:
        life.close_run_id = hooks.request(rows, life.on_close or {}, hooks.Hook.ON_CLOSE)
    except AppError as error:
        _failed(rows, f"The closing job could not be started: {error.message}", actor)
        return
    _look_again(life, _LOOK_AGAIN)


def _failed(rows: BranchRows, problem: str, actor: Actor) -> None:
    """Try again after a while, or let it be: nothing is held up for ever by a job that does not work."""
    life = rows.life
    life.close_error = problem
    log.warning("branch.closing_job_failed", org=str(life.org_id), deployment=rows.name, attempt=life.close_attempts)
    if life.close_attempts >= _ATTEMPTS:
        archive(rows, actor)
    else:
        _look_again(life, _PAUSE * life.close_attempts)


def _give_up(rows: BranchRows, actor: Actor) -> None:
    if rows.life.on_close is not None and _was_loaded(rows):
        minutes = round(settings.BRANCH_CLOSE_SECONDS / 60)
        rows.life.close_error = (
            f"The closing job had not ended after {minutes} minutes. What it should take away may still be there."
        )
    archive(rows, actor, late=True)


def archive(rows: BranchRows, actor: Actor, *, late: bool = False) -> None:
    """The end: no agent loads it any more, its pages open from stored definitions. Call it with the rows locked.

    Unless it is `late`, it waits for runs that have not ended: one may have been asked for just before the end began.
    """
    branch, life = rows.branch, rows.life
    if not late and _under_way(branch).exists():
        _look_again(life, _LOOK_AGAIN)
        return
    branches.set_awake(branch, awake=False)
    branch.state, branch.archived_at = BranchState.ARCHIVED, timezone.now()
    branch.save(update_fields=["state", "archived_at"])
    life.due_at = life.close_deadline = None
    life.save()
    record(
        org_id=branch.org_id,
        actor=actor,
        action="branch_deployment.archive",
        target=rows.target,
        after={"state": branch.state},
        deployment_id=branch.deployment_id,
        result="failure" if life.close_error else "success",
        reason=branch.close_reason,
    )
    wake_pull_requests(branch.org_id, branch.deployment_id)
    log.info("branch.archived", org=str(branch.org_id), deployment=rows.name, error=life.close_error)


def _under_way(branch: BranchDeployment) -> QuerySet[Run]:
    rows = Run.objects.for_org(branch.org_id).filter(deployment_id=branch.deployment_id)
    return rows.exclude(status__in=TERMINAL)


def _was_loaded(rows: BranchRows) -> bool:
    known = CodeLocation.objects.for_org(rows.branch.org_id).filter(deployment_id=rows.branch.deployment_id)
    return known.filter(current__isnull=False).exists()


def _look_again(life: BranchLife, after: datetime.timedelta) -> None:
    life.due_at = timezone.now() + after
    life.save()


def reopen(*, org_id: UUID, deployment_id: UUID, actor: Actor) -> bool:
    """Bring an archived one back, as if it were new: its first job runs again. False while its end is still under way."""
    with org_scope(org_id):
        rows = locked(org_id, deployment_id)
        branch, life = rows.branch, rows.life
        if branch.state == BranchState.CLOSING:
            return False
        if branch.state != BranchState.ARCHIVED:
            return True
        branch.state, branch.closed_at, branch.archived_at, branch.close_reason = BranchState.ACTIVE, None, None, ""
        branch.warned_at, branch.active_at = None, timezone.now()
        seconds = life.expire_after_seconds
        branch.expires_at = None if seconds is None else timezone.now() + datetime.timedelta(seconds=seconds)
        branch.save()
        branches.set_awake(branch, awake=True)
        life.create_run_id, life.create_error, life.close_run_id, life.close_error = None, "", None, ""
        life.due_at = Now() if life.on_create else None
        life.save()
        record(
            org_id=org_id,
            actor=actor,
            action="branch_deployment.reopen",
            target=rows.target,
            before={"state": BranchState.ARCHIVED},
            after={"state": branch.state},
            deployment_id=deployment_id,
        )
        wake_pull_requests(org_id, deployment_id)
    log.info("branch.reopened", org=str(org_id), deployment=rows.name, actor=str(actor.id))
    return True
