"""The life of a branch deployment between its first deploy and its end: asleep when idle, warned before it expires, extended, kept awake."""

import datetime
from collections.abc import Mapping
from uuid import UUID

import structlog
from django.db.models import Max
from django.utils import timezone

from controlplane.core import wakeups
from controlplane.delivery.branches.rows import BranchRows, branch_now, locked, wake_pull_requests
from controlplane.deployments import branches
from controlplane.deployments.models import BranchDeployment, BranchState
from controlplane.runs.models import Run
from controlplane.runs.states import TERMINAL
from tenants.access import Actor
from tenants.audit.services import record
from tenants.errors import ConflictError
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

# Before its end, whoever looks at the pull request or the page is told.
WARNING = datetime.timedelta(hours=24)
_LIVING = frozenset({BranchState.HELD, BranchState.ACTIVE, BranchState.SLEEPING})


def sleep_if_idle(*, org_id: UUID, deployment_id: UUID) -> bool:
    """Let go of its code workers when nothing was wanted of it for as long as its owners said; whether it sleeps now.

    Nothing was wanted: no deploy, no wake, and no run that is queued, under way, or ended since.
    """
    with org_scope(org_id):
        rows = locked(org_id, deployment_id)
        idle = rows.branch.sleep_after_seconds
        if rows.branch.state != BranchState.ACTIVE or idle is None:
            return False
        since = timezone.now() - datetime.timedelta(seconds=idle)
        if rows.branch.active_at > since or _is_loading(rows):
            return False
        used_at = _used_at(org_id, deployment_id)
        if used_at is not None and used_at > since:
            # Not asked again until it has been idle for as long since then.
            rows.branch.active_at = used_at
            rows.branch.save(update_fields=["active_at"])
            return False
        branches.sleep(org_id=org_id, deployment_id=deployment_id)
        wake_pull_requests(org_id, deployment_id)
        return True


def _is_loading(rows: BranchRows) -> bool:
    """Whether its first job is still to come, or under way: that one needs it awake."""
    return rows.life.on_create is not None and rows.life.due_at is not None


def _used_at(org_id: UUID, deployment_id: UUID) -> datetime.datetime | None:
    """When its runs used it last: now, while one is queued or under way."""
    runs = Run.objects.for_org(org_id).filter(deployment_id=deployment_id)
    if runs.exclude(status__in=TERMINAL).exists():
        return timezone.now()
    latest: datetime.datetime | None = runs.aggregate(latest=Max("ended_at"))["latest"]
    return latest


def note_time(*, org_id: UUID, deployment_id: UUID) -> bool:
    """Move its expiry behind its last activity, and warn a day before it; whether its time is up."""
    with org_scope(org_id):
        rows = locked(org_id, deployment_id)
        if rows.branch.state not in _LIVING:
            return False
        _move_expiry(rows)
        expires_at = rows.branch.expires_at
        if expires_at is None or expires_at - timezone.now() > WARNING:
            return False
        if rows.branch.warned_at is None:
            rows.branch.warned_at = timezone.now()
            rows.branch.save(update_fields=["warned_at"])
            wake_pull_requests(org_id, deployment_id)
        return expires_at <= timezone.now()


def _move_expiry(rows: BranchRows) -> None:
    """Activity keeps a branch alive; an extension that goes further stays."""
    seconds = rows.life.expire_after_seconds
    if seconds is None:
        return
    by_activity = rows.branch.active_at + datetime.timedelta(seconds=seconds)
    if rows.branch.expires_at is None or by_activity > rows.branch.expires_at:
        _set_expiry(rows.branch, by_activity)


def _set_expiry(branch: BranchDeployment, expires_at: datetime.datetime | None) -> None:
    branch.expires_at = expires_at
    if expires_at is None or expires_at - timezone.now() > WARNING:
        branch.warned_at = None
    branch.save(update_fields=["expires_at", "warned_at"])


def extend(*, org_id: UUID, deployment_id: UUID, actor: Actor) -> BranchDeployment:
    """Let it live its whole time again, from now. ConflictError when it has ended: that one is built again instead."""
    with org_scope(org_id):
        rows = locked(org_id, deployment_id)
        _check_living(rows)
        before = rows.branch.expires_at
        seconds = rows.life.expire_after_seconds
        until = None if seconds is None else timezone.now() + datetime.timedelta(seconds=seconds)
        _set_expiry(rows.branch, until)
        _note(rows, actor, "extend", before={"expires_at": _text(before)}, after={"expires_at": _text(until)})
        return rows.branch


def keep_awake(
    *, org_id: UUID, deployment_id: UUID, awake: bool, sleep_after: int | None, actor: Actor
) -> BranchDeployment:
    """Never let it sleep, and wake it; or (`awake` False) let it sleep again after `sleep_after` seconds without activity."""
    with org_scope(org_id):
        rows = locked(org_id, deployment_id)
        _check_living(rows)
        before = rows.branch.sleep_after_seconds
        rows.branch.sleep_after_seconds = None if awake else sleep_after
        rows.branch.save(update_fields=["sleep_after_seconds"])
        if awake and rows.branch.state == BranchState.SLEEPING:
            branches.wake(org_id=org_id, deployment_id=deployment_id)
        after = {"sleep_after_seconds": rows.branch.sleep_after_seconds}
        _note(rows, actor, "keep_awake", before={"sleep_after_seconds": before}, after=after)
    return branch_now(org_id, deployment_id)


def wake_now(*, org_id: UUID, deployment_id: UUID, actor: Actor) -> BranchDeployment:
    """Somebody wants it awake. ConflictError when it is archived, closing or held."""
    with org_scope(org_id):
        rows = locked(org_id, deployment_id)
        _check_living(rows)
        was = rows.branch.state
        branches.wake(org_id=org_id, deployment_id=deployment_id)
        _note(rows, actor, "wake", before={"state": was}, after={"state": BranchState.ACTIVE})
    return branch_now(org_id, deployment_id)


def sleep_now(*, org_id: UUID, deployment_id: UUID, actor: Actor) -> BranchDeployment:
    """Somebody sends it to sleep. ConflictError while it has runs that are queued or under way, or when it is not active."""
    with org_scope(org_id):
        rows = locked(org_id, deployment_id)
        if rows.branch.state != BranchState.ACTIVE:
            label = BranchState(rows.branch.state).label.lower()
            raise ConflictError(
                f"The branch deployment {rows.name} is {label}: only an active one can be sent to sleep."
            )
        if Run.objects.for_org(org_id).filter(deployment_id=deployment_id).exclude(status__in=TERMINAL).exists():
            raise ConflictError(
                f"{rows.name} has runs that are queued or under way. Cancel them, or wait until they have ended."
            )
        branches.sleep(org_id=org_id, deployment_id=deployment_id)
        _note(rows, actor, "sleep", before={"state": BranchState.ACTIVE}, after={"state": BranchState.SLEEPING})
    return branch_now(org_id, deployment_id)


def _check_living(rows: BranchRows) -> None:
    if rows.branch.state not in _LIVING:
        label = BranchState(rows.branch.state).label.lower()
        raise ConflictError(f"The branch deployment {rows.name} is {label}. Rebuild it to bring it back.")


def _note(
    rows: BranchRows, actor: Actor, verb: str, *, before: Mapping[str, object], after: Mapping[str, object]
) -> None:
    record(
        org_id=rows.branch.org_id,
        actor=actor,
        action=f"branch_deployment.{verb}",
        target=rows.target,
        before=before,
        after=after,
        deployment_id=rows.branch.deployment_id,
    )
    wake_pull_requests(rows.branch.org_id, rows.branch.deployment_id)
    wakeups.wake(f"org:{rows.branch.org_id}:locations")
    log.info("branch.changed", how=verb, org=str(rows.branch.org_id), deployment=rows.name, actor=str(actor.id))


def _text(moment: datetime.datetime | None) -> str | None:
    return moment.isoformat() if moment else None
