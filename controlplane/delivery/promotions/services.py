"""Promotions: the code that serves in one deployment is put into another, loaded, tried, and taken back when it does not work.

Postgres holds the truth. A task moves a promotion on, one transaction for each step with all that the step does, so that a worker may be
killed anywhere and everything happens once. A promotion waits by being looked at again; nothing waits in a process.
"""

import datetime
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from controlplane.core import wakeups
from controlplane.core.background import enqueue
from controlplane.delivery.promotions.choosing import check_seen, chosen_of
from controlplane.deployments import protecting
from controlplane.deployments.code import code_of
from controlplane.deployments.freezing import require_thawed
from controlplane.deployments.models import (
    CodeLocation,
    Deployment,
    DeploymentKind,
    LocationVersion,
    Promotion,
    PromotionState,
    VersionState,
)
from controlplane.deployments.protecting import Allowed
from controlplane.deployments.protection import stored
from controlplane.deployments.services import delete_location, promote_location, rollback_location
from controlplane.runs.errors import RunEndedError
from controlplane.runs.models import Run
from controlplane.runs.requests import RunRequest
from controlplane.runs.services import cancel_run, request_run
from controlplane.runs.states import TERMINAL, RunStatus
from tenants.access import SYSTEM, Actor, ActorKind
from tenants.audit.services import AuditTarget, record
from tenants.errors import AppError, ConflictError, InvalidError, NotFoundError
from tenants.organizations import is_writable
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

TASK = "delivery.go_on_with_promotion"
# How often one that waits is looked at.
_LOOK = datetime.timedelta(seconds=2)
# When one is looked at again that cannot go on now.
LATER = datetime.timedelta(minutes=1)
# How many steps one wake-up takes at most.
_STEPS = 10
_ENDS = frozenset({PromotionState.SUCCEEDED, PromotionState.FAILED, PromotionState.ROLLED_BACK})


def promote(
    *,
    org_id: UUID,
    source: Deployment,
    target: Deployment,
    locations: Sequence[str] | None,
    actor: Actor,
    seen: Mapping[str, UUID] | None = None,
) -> Promotion:
    """Begin to put what serves in `source` into `target`; `locations` None for all of them. What is the same there already is left alone.

    `seen` are the versions in `source` that somebody looked at, by code location: another one is not promoted.
    ConflictError when one differs, the source is a fork's, there is nothing to promote, or another promotion into the target is under
    way; DeploymentProtectedError and DeploymentFrozenError as for any deploy. Whoever calls it has checked the rights on both sides.
    """
    _check_promotable(source, target)
    with org_scope(org_id):
        require_thawed(org_id, target.id)
        chosen = chosen_of(org_id, source, target, locations)
        check_seen(chosen, source, seen)
        reasons = [
            protecting.require_deploy(org_id, target.id, name=name, code=code_of(version), actor=actor).reason
            for name, version, _before in chosen
        ]
        places = {
            name: {"from": str(version.id), "before": str(before) if before else None, "version": None}
            for name, version, before in chosen
        }
        promotion = _begun(source, target, places, actor, override_reason=next(filter(None, reasons), ""))
        _record(promotion, target, actor, "promotion.start", reason=promotion.override_reason)
        enqueue(TASK, org_id=org_id, promotion_id=promotion.id)
        return _row(org_id, promotion.id)


def _check_promotable(source: Deployment, target: Deployment) -> None:
    if target.kind != DeploymentKind.FULL or target.id == source.id:
        raise InvalidError("Promote into another full deployment.", attr="from")
    if source.is_fork:
        # SECURITY: its code would get what that of the target gets. A commit that was approved to be tried was not approved for that.
        raise ConflictError(
            f"{source.name} is of a fork: strangers wrote its code, and it is not promoted. Merge its pull request, and deploy that."
        )


def _begun(
    source: Deployment, target: Deployment, locations: Mapping[str, Any], actor: Actor, *, override_reason: str
) -> Promotion:
    """The row, with the rules of the target as they are now; ConflictError while another promotion into it is under way."""
    org_id = target.org_id
    rules = Deployment.objects.for_org(org_id).values_list("protection", flat=True).get(id=target.id)
    checks = stored(rules).checks
    smoke = checks.smoke_job
    try:
        with transaction.atomic():
            return Promotion.objects.create_in(
                org_id,
                deployment=target,
                source_id=source.id,
                source_name=source.name,
                locations=locations,
                smoke_job={"location": smoke.location, "job": smoke.job} if smoke else None,
                rolls_back=checks.rollback == "automatic",
                override_reason=override_reason,
                actor_kind=actor.kind,
                actor_id=actor.id,
                actor_label=actor.label[:254],
                created_at=Now(),
                since=Now(),
                due_at=Now(),
            )
    except IntegrityError as error:
        raise ConflictError(_UNDER_WAY.format(target.name)) from error


def roll_back(*, org_id: UUID, promotion_id: UUID, actor: Actor) -> Promotion:
    """Take the newest promotion of its deployment back, whether it goes on or has ended: what was deployed before is deployed again.

    ConflictError when there is nothing to take back.
    """
    with org_scope(org_id):
        promotion = _locked(org_id, promotion_id)
        newest = promotions(org_id, promotion.deployment_id).first()
        if newest is None or newest.id != promotion.id:
            raise ConflictError("Something was promoted after this. Roll that back, or the code locations one by one.")
        if promotion.state in {PromotionState.QUEUED, PromotionState.ROLLING_BACK, PromotionState.ROLLED_BACK}:
            raise ConflictError(
                f"The promotion is {PromotionState(promotion.state).label.lower()}: nothing to roll back."
            )
        require_thawed(org_id, promotion.deployment_id)
        allowed = protecting.require_change(org_id, promotion.deployment_id, actor=actor)
        _move(promotion, PromotionState.ROLLING_BACK, message=f"Rolled back by {actor.label}.")
        target = Deployment.objects.for_org(org_id).get(id=promotion.deployment_id)
        _record(promotion, target, actor, "promotion.roll_back", reason=allowed.reason)
        enqueue(TASK, org_id=org_id, promotion_id=promotion.id)
        return _row(org_id, promotion.id)


def promotions(org_id: UUID, deployment_id: UUID) -> QuerySet[Promotion]:
    """Promotions into a deployment, the newest first; read them inside org_scope."""
    return Promotion.objects.for_org(org_id).filter(deployment_id=deployment_id).order_by("-id")


def promotion(org_id: UUID, deployment_id: UUID, promotion_id: UUID) -> Promotion:
    """One promotion into this deployment; NotFoundError when there is none. Call it inside org_scope."""
    found = promotions(org_id, deployment_id).filter(id=promotion_id).first()
    if found is None:
        raise NotFoundError("There is no such promotion into this deployment.")
    return found


def go_on(*, org_id: UUID, promotion_id: UUID) -> None:
    """Take the steps that can be taken now; nothing happens while somebody else takes one, nor while the organization is not active."""
    for _ in range(_STEPS):
        with org_scope(org_id):
            rows = Promotion.objects.for_org(org_id).select_for_update(skip_locked=True)
            found = rows.filter(id=promotion_id, due_at__isnull=False).first()
            if found is None:
                return
            if not is_writable(org_id):
                # That is no failure of what was promoted: it goes on once the organization is active again.
                rows.filter(id=found.id).update(due_at=Now() + LATER, since=Now())
                return
            state = found.state
            _STEP[PromotionState(state)](found)
            if found.state == state:
                Promotion.objects.for_org(org_id).filter(id=found.id).update(due_at=Now() + _LOOK)
                return


def _deploy(row: Promotion) -> None:
    """QUEUED: everything is deployed, or nothing."""
    org_id, allowed = row.org_id, Allowed(row.override_reason)
    try:
        with transaction.atomic():
            for name, place in row.locations.items():
                source = LocationVersion.objects.for_org(org_id).select_related("location").filter(id=place["from"])
                version = source.first()
                if version is None:
                    raise NotFoundError(f"The version of {name} that was to be promoted was deleted.")
                here = CodeLocation.objects.for_org(org_id).filter(deployment_id=row.deployment_id, name=name).first()
                made = promote_location(
                    org_id=org_id,
                    deployment_id=row.deployment_id,
                    name=name,
                    source=version,
                    queue=here.queue if here else version.location.queue,
                    actor=_actor(row),
                    allowed=allowed,
                )
                place["version"] = str(made.id)
    except AppError as error:
        for place in row.locations.values():
            place["version"] = None
        _move(row, PromotionState.FAILED, message=error.message)
        return
    _move(row, PromotionState.LOADING)


def _await_load(row: Promotion) -> None:
    """LOADING: until every version has loaded, or one did not."""
    org_id = row.org_id
    overtaken = _overtaken(row)
    if overtaken:
        _move(row, PromotionState.FAILED, message=f"{overtaken} was deployed again, or deleted, meanwhile.")
        return
    ids = [place["version"] for place in row.locations.values()]
    versions = list(LocationVersion.objects.for_org(org_id).filter(id__in=ids).select_related("location"))
    for version in versions:
        if version.state == VersionState.FAILED:
            message = (version.error or {}).get("message", "")
            _fail(row, f"Version {version.number} of {version.location.name} failed to load. {message}".strip())
            return
    if all(version.state == VersionState.LOADED for version in versions):
        _move(row, PromotionState.SMOKE if row.smoke_job else PromotionState.SUCCEEDED)
    elif _lasted(row) > settings.PROMOTION_LOAD_SECONDS:
        _fail(row, f"No agent loaded it within {settings.PROMOTION_LOAD_SECONDS / 60:g} minutes.")


def _smoke(row: Promotion) -> None:
    """SMOKE: a run is requested once, with the note that it was; then it is watched."""
    org_id, smoke = row.org_id, row.smoke_job or {}
    if row.smoke_run_id is None:
        wanted = RunRequest(location=smoke["location"], job=smoke["job"], tags={"daggerboard/promotion": str(row.id)})
        try:
            with transaction.atomic():
                run = request_run(org_id=org_id, deployment_id=row.deployment_id, request=wanted, actor=_actor(row))
        except AppError as error:
            _fail(row, f"The smoke job {smoke['job']} could not be launched: {error.message}")
            return
        row.smoke_run_id = run.id
        row.save(update_fields=["smoke_run_id"])
        return
    found = Run.objects.for_org(org_id).filter(id=row.smoke_run_id).first()
    _judge_smoke(row, smoke["job"], found)


def _judge_smoke(row: Promotion, job: str, found: Run | None) -> None:
    if found is None:
        _fail(row, "The run of the smoke job was deleted.")
    elif found.status == RunStatus.SUCCESS:
        _move(row, PromotionState.SUCCEEDED)
    elif found.status in TERMINAL:
        _fail(row, f"The smoke job {job} ended with {found.status}. {found.failure_message}".strip())
    elif _lasted(row) > settings.PROMOTION_SMOKE_SECONDS:
        with suppress(RunEndedError):
            cancel_run(org_id=row.org_id, run_id=found.id, actor=SYSTEM)
        _fail(row, f"The smoke job {job} had not ended within {settings.PROMOTION_SMOKE_SECONDS / 60:g} minutes.")


def _take_back(row: Promotion) -> None:
    """ROLLING_BACK: what was there before is deployed again, where what was promoted is still what is deployed."""
    org_id = row.org_id
    try:
        with transaction.atomic():
            for name, place in row.locations.items():
                _take_back_one(row, name, place)
    except AppError as error:
        _move(row, PromotionState.FAILED, message=f"{row.message} It could not be rolled back: {error.message}".strip())
        return
    _move(row, PromotionState.ROLLED_BACK, message=row.message)
    log.info("promotion.rolled_back", org=str(org_id), promotion=str(row.id))


def _take_back_one(row: Promotion, name: str, place: dict[str, Any]) -> None:
    org_id, deployment_id = row.org_id, row.deployment_id
    here = CodeLocation.objects.for_org(org_id).filter(deployment_id=row.deployment_id, name=name).first()
    if here is None or place["version"] is None or str(here.desired_id) != place["version"]:
        return
    before = LocationVersion.objects.for_org(org_id).filter(id=place["before"]).first() if place["before"] else None
    # The rules were asked when this was promoted, or when somebody rolled it back.
    allowed = Allowed(row.override_reason)
    if before is not None:
        rollback_location(
            org_id=org_id,
            deployment_id=deployment_id,
            name=name,
            to_number=before.number,
            actor=_actor(row),
            allowed=allowed,
        )
    else:
        delete_location(org_id=org_id, deployment_id=deployment_id, name=name, actor=_actor(row), allowed=allowed)


def _nothing(_row: Promotion) -> None:
    """It has ended."""


_STEP: dict[PromotionState, Callable[[Promotion], None]] = {
    PromotionState.QUEUED: _deploy,
    PromotionState.LOADING: _await_load,
    PromotionState.SMOKE: _smoke,
    PromotionState.ROLLING_BACK: _take_back,
    PromotionState.SUCCEEDED: _nothing,
    PromotionState.FAILED: _nothing,
    PromotionState.ROLLED_BACK: _nothing,
}


def _overtaken(row: Promotion) -> str:
    """The first code location whose desired version is not the promoted one any more; empty when there is none."""
    rows = CodeLocation.objects.for_org(row.org_id).filter(deployment_id=row.deployment_id, name__in=row.locations)
    desired = {name: str(version) for name, version in rows.values_list("name", "desired_id")}
    return next((name for name, place in row.locations.items() if desired.get(name) != place["version"]), "")


def _fail(row: Promotion, why: str) -> None:
    _move(row, PromotionState.ROLLING_BACK if row.rolls_back else PromotionState.FAILED, message=why)


def _move(row: Promotion, state: PromotionState, *, message: str = "") -> None:
    row.state, row.message, row.since = state, message, Now()
    ended = state in _ENDS
    row.ended_at, row.due_at = (Now(), None) if ended else (None, Now())
    try:
        with transaction.atomic():
            row.save(update_fields=["state", "message", "since", "ended_at", "due_at", "locations"])
    except IntegrityError as error:
        raise ConflictError(_UNDER_WAY.format("this deployment")) from error
    if ended:
        target = Deployment.objects.for_org(row.org_id).get(id=row.deployment_id)
        _record(
            row, target, SYSTEM, "promotion.end", result="success" if state == PromotionState.SUCCEEDED else "failure"
        )
    wakeups.wake(f"org:{row.org_id}:locations")


def _lasted(row: Promotion) -> float:
    return (timezone.now() - row.since).total_seconds()


def _actor(row: Promotion) -> Actor:
    return Actor(ActorKind(row.actor_kind), row.actor_id, row.actor_label)


def _locked(org_id: UUID, promotion_id: UUID) -> Promotion:
    found = Promotion.objects.for_org(org_id).select_for_update().filter(id=promotion_id).first()
    if found is None:
        raise NotFoundError("There is no such promotion.")
    return found


def _row(org_id: UUID, promotion_id: UUID) -> Promotion:
    return Promotion.objects.for_org(org_id).get(id=promotion_id)


def _record(
    row: Promotion, target: Deployment, actor: Actor, action: str, *, reason: str = "", result: str = "success"
) -> None:
    record(
        org_id=row.org_id,
        actor=actor,
        action=action,
        target=AuditTarget("promotion", row.id, f"{row.source_name} into {target.name}"),
        after={"state": str(row.state), "code_locations": sorted(row.locations), "message": row.message},
        deployment_id=row.deployment_id,
        result=result,
        reason=reason,
    )


_UNDER_WAY = "A promotion into {} is under way. Wait for its end, or roll it back."
