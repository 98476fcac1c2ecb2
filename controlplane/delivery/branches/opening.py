"""The beginning of a branch deployment: what its owners want of its life, and its first job once it has loaded."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db.models.functions import Now
from django.utils import timezone

from controlplane.delivery.branches import hooks
from controlplane.delivery.branches.rows import BranchRows, default_expiry, locked, wake_pull_requests
from controlplane.deployments.models import BranchState, CodeLocation, VersionState
from controlplane.runs.states import RunStatus
from tenants.errors import AppError
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

_LOOK_AGAIN = datetime.timedelta(seconds=3)
_DEFAULT_SLEEP = 3600


@dataclass(frozen=True)
class Wishes:
    """What is wanted of a branch's life. Seconds; None for never. Jobs as {"location", "job"}; None for none."""

    sleep_after: int | None = _DEFAULT_SLEEP
    expire_after: int | None = None
    on_create: Mapping[str, str] | None = None
    on_close: Mapping[str, str] | None = None


def default_wishes() -> Wishes:
    """Of a branch of which nobody said anything."""
    return Wishes(expire_after=default_expiry())


def take_wishes(*, org_id: UUID, deployment_id: UUID, wishes: Wishes) -> None:
    """Note them, when a branch is made and at each deploy. Somebody's 'keep awake' stays, and an extension that goes further."""
    with org_scope(org_id):
        rows = locked(org_id, deployment_id)
        branch, life = rows.branch, rows.life
        if branch.sleep_after_seconds is not None:
            branch.sleep_after_seconds = wishes.sleep_after
        if wishes.expire_after is None:
            branch.expires_at = None
        else:
            until = timezone.now() + datetime.timedelta(seconds=wishes.expire_after)
            longer = branch.expires_at is not None and branch.expires_at > until
            branch.expires_at, branch.warned_at = (branch.expires_at if longer else until), None
        branch.save(update_fields=["sleep_after_seconds", "expires_at", "warned_at"])
        life.expire_after_seconds = wishes.expire_after
        life.on_create = dict(wishes.on_create) if wishes.on_create else None
        life.on_close = dict(wishes.on_close) if wishes.on_close else None
        if branch.state in {BranchState.ACTIVE, BranchState.SLEEPING}:
            life.due_at = Now() if life.on_create and life.create_run_id is None else life.due_at
        life.save()


def go_on(*, org_id: UUID, deployment_id: UUID) -> None:
    """Run the first job once its code location has loaded, once in the branch's life, and see how it went."""
    with org_scope(org_id):
        rows = locked(org_id, deployment_id)
        if rows.branch.state in {BranchState.CLOSING, BranchState.ARCHIVED, BranchState.HELD}:
            return
        rows.life.due_at = _next(rows)
        rows.life.save()


def _next(rows: BranchRows) -> datetime.datetime | None:
    """Take the next step; when to look again, None when there is nothing to wait for."""
    life = rows.life
    if life.on_create is None:
        return None
    if life.create_run_id is None:
        return _request_job(rows)
    status, why = hooks.outcome(life.org_id, life.create_run_id)
    if status is None:
        return timezone.now() + _LOOK_AGAIN
    life.create_error = (
        "" if status == RunStatus.SUCCESS else f"The first job ended as {status}{': ' if why else ''}{why}"
    )
    wake_pull_requests(life.org_id, life.deployment_id)
    return None


def _request_job(rows: BranchRows) -> datetime.datetime | None:
    life = rows.life
    job: Mapping[str, str] = life.on_create or {}
    known = CodeLocation.objects.for_org(life.org_id).filter(deployment_id=life.deployment_id, name=job["location"])
    location = known.select_related("desired", "current").first()
    if location is None or (location.current is None and _has_failed(location)):
        # The next deploy looks again.
        where = "is not in this deployment" if location is None else "did not load"
        life.create_error = f"The first job was not run: the code location {job['location']} {where}."
        return None
    if location.current is None:
        return timezone.now() + _LOOK_AGAIN
    try:
        life.create_run_id, life.create_error = hooks.request(rows, job, hooks.Hook.ON_CREATE), ""
    except AppError as error:
        life.create_error = f"The first job could not be started: {error.message}"
        log.warning("branch.first_job_failed", org=str(life.org_id), deployment=rows.name, error=error.message)
        wake_pull_requests(life.org_id, life.deployment_id)
        return None
    return timezone.now() + _LOOK_AGAIN


def _has_failed(location: CodeLocation) -> bool:
    return location.desired is None or location.desired.state == VersionState.FAILED
