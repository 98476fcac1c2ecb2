"""Runs that a tick, the conditions or a backfill asked for: stored with what asked for them, launched exactly once.

`store` joins the transaction that moves the asker on (its cursor, its plan). `launch` makes a run of each stored request in one
transaction per bite; whoever dies in between, the request is pending still and `launch_waiting` comes by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, DataError, transaction
from django.db.models import QuerySet
from psycopg.errors import ProgramLimitExceeded

from controlplane.automation.models import Instigator, RequestedRun, RequestSource, RequestState, SensorRunKey
from controlplane.deployments.freezing import DeploymentFrozenError
from controlplane.runs.requests import RunRequest
from controlplane.runs.services import request_run
from tenants.access import Actor, ActorKind
from tenants.errors import AppError, OrganizationReadOnlyError, OrganizationSuspendedError
from tenants.ids import uuid7
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

# Dagster's own tags.
RUN_KEY_TAG = "dagster/run_key"
SCHEDULE_TAG = "dagster/schedule_name"
SENSOR_TAG = "dagster/sensor_name"
TICK_TAG = "dagster/tick"
# In one transaction: other launches wait no longer than these take, some 15 ms each.
BITE = 25
_REASON_CHARS = 500
# Nothing is launched in a deployment that is frozen, or an organization that is not active; afterwards it is.
NOT_NOW = (DeploymentFrozenError, OrganizationReadOnlyError, OrganizationSuspendedError)
LAUNCHABLE = """EXISTS (
    SELECT FROM deployment d JOIN organization o ON o.id = d.org_id AND o.state = 'active'
    WHERE d.org_id = requested_run.org_id AND d.id = requested_run.deployment_id AND d.frozen_at IS NULL
)"""
_FIELDS = ("location", "job", "assets", "checks", "ops", "partition")


@dataclass(frozen=True)
class Asked:
    """One run that is asked for; `run_key` makes it one for good among all that its instigator ever asks for."""

    request: RunRequest
    run_key: str | None = None


@dataclass(frozen=True)
class Asker:
    """What asks: `source_id` is the tick, the evaluation's tick or the backfill; `label` is what the run says launched it."""

    source: RequestSource
    source_id: UUID
    deployment_id: UUID
    instigator_id: UUID | None = None


def store(org_id: UUID, asker: Asker, asked: Sequence[Asked], *, first: int = 0) -> list[UUID]:
    """Keep these, to be launched. Joins the caller's transaction; `first` numbers them on when an asker asks more than once."""
    rows = [
        RequestedRun(
            org_id=org_id,
            id=uuid7(),
            deployment_id=asker.deployment_id,
            source=asker.source,
            source_id=asker.source_id,
            position=position,
            instigator_id=asker.instigator_id,
            run_key=one.run_key,
            body=body_of(one.request),
        )
        for position, one in enumerate(asked, start=first)
    ]
    RequestedRun.unscoped.bulk_create(rows, batch_size=1000)
    return [row.id for row in rows]


def launch(org_id: UUID, request_ids: Sequence[UUID], actor: Actor) -> int:
    """Make runs of those that are pending still, in order; how many were launched now. Each bite is one transaction."""
    launched = 0
    for start in range(0, len(request_ids), BITE):
        with org_scope(org_id):
            pending = RequestedRun.objects.for_org(org_id).select_for_update(skip_locked=True, no_key=True)
            rows = pending.filter(id__in=request_ids[start : start + BITE], state=RequestState.PENDING)
            launched += sum(_launch(row, actor) for row in rows.order_by("id"))
    return launched


def _launch(row: RequestedRun, actor: Actor) -> bool:
    try:
        # Together with its key: one that made no run was not used, and the next tick may ask again.
        with transaction.atomic():
            run_id = _make(row, actor)
    except NOT_NOW:
        # Pending it waits for the end of that: whoever asked has moved on.
        return False
    except AppError as error:
        _refuse(row, error.message)
        return False
    except (DatabaseError, ValueError) as error:
        if not _is_of_the_request(error):
            raise
        # Pending it would be tried for ever, and those behind it would not.
        _refuse(row, f"It cannot be stored: {str(error)[:_REASON_CHARS]}")
        return False
    if run_id is None:
        _close(row, RequestState.DUPLICATE)
        return False
    _close(row, RequestState.LAUNCHED, run_id=run_id)
    return True


def _make(row: RequestedRun, actor: Actor) -> UUID | None:
    """The run that it asks for; None where its run key was used before."""
    keys = _keys(row)
    if keys is not None and not _take(keys, row):
        return None
    request = request_of(row.body)
    run = request_run(org_id=row.org_id, deployment_id=row.deployment_id, request=request, actor=actor)
    if keys is not None:
        keys.update(run_id=run.id)
    return run.id


def _is_of_the_request(error: Exception) -> bool:
    """Whether it can never be stored, rather than that the database cannot just now, or we make a mistake."""
    return isinstance(error, (DataError, ValueError)) or isinstance(error.__cause__, ProgramLimitExceeded)


def _refuse(row: RequestedRun, why: str) -> None:
    log.warning("requested_run.refused", source=row.source, source_id=str(row.source_id), error=why)
    _close(row, RequestState.REFUSED, refusal=why)


def _keys(row: RequestedRun) -> QuerySet[SensorRunKey] | None:
    """The row of its run key, perhaps to be; None where it has no key."""
    if row.instigator_id is None or not row.run_key:
        return None
    return SensorRunKey.objects.for_org(row.org_id).filter(instigator_id=row.instigator_id, run_key=row.run_key)


def _take(keys: QuerySet[SensorRunKey], row: RequestedRun) -> bool:
    """False when it was used before. Waits for another transaction that is using it just now."""
    assert row.instigator_id is not None, "_keys has looked"
    assert row.run_key is not None, "_keys has looked"
    key = SensorRunKey(org_id=row.org_id, instigator_id=row.instigator_id, run_key=row.run_key)
    SensorRunKey.unscoped.bulk_create([key], ignore_conflicts=True)
    return keys.filter(run_id=None).exists()


def _close(row: RequestedRun, state: RequestState, *, run_id: UUID | None = None, refusal: str = "") -> None:
    rows = RequestedRun.objects.for_org(row.org_id).filter(id=row.id)
    rows.update(state=state, run_id=run_id, refusal=refusal)


def body_of(request: RunRequest) -> dict[str, Any]:
    """As it is stored: plain JSON."""
    body = {name: value for name in _FIELDS if (value := getattr(request, name)) is not None}
    body = {name: list(value) if isinstance(value, (list, tuple)) else value for name, value in body.items()}
    return {**body, "run_config": dict(request.run_config), "tags": dict(request.tags)}


def request_of(body: Mapping[str, Any]) -> RunRequest:
    """What was stored."""
    chosen = {name: body[name] for name in _FIELDS if name in body}
    return RunRequest(**chosen, run_config=body.get("run_config") or {}, tags=body.get("tags") or {})


def actor_of(instigator: Instigator) -> Actor:
    """Who a run of this schedule or sensor says launched it."""
    return Actor(ActorKind.AUTOMATION, instigator.id, f"{instigator.get_kind_display()} {instigator.name}"[:254])
