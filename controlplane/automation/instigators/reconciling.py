"""Instigators follow the definitions that serve: new ones get a row, changed ones change, those that are gone stop and keep their row.

A code location whose definitions are other than those that were followed last is found by comparing hashes: by a task that whoever
serves a version wakes, and by a sweep.
"""

import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db.models.functions import Now

from controlplane.automation.instigators.running import STATE, settle, wants_to_run
from controlplane.automation.instigators.upcoming import bounded_interval
from controlplane.automation.models import FollowedDefinitions, Instigator, InstigatorKind
from controlplane.automation.ticks.policies import timeout_of_tags
from controlplane.core import recordsets, wakeups
from controlplane.definitions import manifest as wire
from controlplane.definitions import selectors as stored
from controlplane.deployments.models import CodeLocation, Deployment, DeploymentKind
from tenants.errors import AppError
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

_SWEEP_MAX = 500
# Where other definitions came meanwhile; the sweep finds the rest.
_TRIES = 5
_NAME_MAX = 500
_TIMEZONE_MAX = 100
# What the current definitions say of one; everything else is people's, or follows.
_DEFINED = (
    "is_defined",
    "sensor_type",
    "cron",
    "timezone",
    "min_interval_seconds",
    "timeout_seconds",
    "is_default_running",
)
_TIMING = frozenset({"cron", "timezone", "min_interval_seconds", "sensor_type"})
_OTHER = """
    WITH serving AS (
        SELECT l.org_id, l.deployment_id, l.name AS location_name, v.manifest_sha256
        FROM code_location l JOIN location_version v ON v.org_id = l.org_id AND v.id = l.current_id
        WHERE v.manifest_sha256 <> ''
    )
    SELECT DISTINCT coalesce(s.org_id, f.org_id), coalesce(s.deployment_id, f.deployment_id)
    FROM serving s FULL JOIN followed_definitions f
    ON f.org_id = s.org_id AND f.deployment_id = s.deployment_id AND f.location_name = s.location_name
    WHERE s.manifest_sha256 IS DISTINCT FROM f.manifest_sha256 LIMIT %s
"""


def sweep() -> int:
    """Reconcile every deployment of the installation that has other definitions; how many had."""
    FollowedDefinitions.objects.across_orgs(reason="deployments whose definitions changed")
    found = recordsets.fetch(_OTHER, [_SWEEP_MAX], using="door")
    for org_id, deployment_id in found:
        try:
            reconcile(org_id=org_id, deployment_id=deployment_id)
        except AppError as error:
            # Definitions that cannot be read: the others are followed all the same.
            log.warning("instigators.not_reconciled", deployment=str(deployment_id), error=error.message)
        except Exception:
            # A mistake of ours with one deployment: as above.
            log.exception("instigators.not_reconciled", org=str(org_id), deployment=str(deployment_id))
    return len(found)


def reconcile(*, org_id: UUID, deployment_id: UUID) -> None:
    """Let the instigators of one deployment say what its definitions say now. Nothing happens when they do, or it is gone."""
    for _attempt in range(_TRIES):
        if _reconcile(org_id, deployment_id, _serving(org_id, deployment_id)):
            return
    log.info("instigators.definitions_keep_changing", deployment=str(deployment_id))


def _reconcile(org_id: UUID, deployment_id: UUID, manifests: dict[str, tuple[str, wire.Manifest | None]]) -> bool:
    """False when other definitions than these are served by now."""
    with org_scope(org_id):
        # One at a time: two would both make the rows of a new definition.
        held = Deployment.objects.for_org(org_id).select_for_update(no_key=True)
        deployment = held.annotate(asked_at=Now()).filter(id=deployment_id).first()
        if deployment is None:
            FollowedDefinitions.objects.for_org(org_id).filter(deployment_id=deployment_id).delete()
            return True
        if _served(org_id, deployment_id) != {name: sha256 for name, (sha256, _manifest) in manifests.items()}:
            return False
        followed = _followed(org_id, deployment_id)
        now = deployment.asked_at
        for name in sorted(manifests.keys() | followed.keys()):
            sha256, manifest = manifests.get(name, ("", None))
            if followed.get(name) != sha256:
                _follow(deployment, name, sha256, manifest, now)
        wakeups.wake(f"org:{org_id}:automation")
        return True


def _serving(org_id: UUID, deployment_id: UUID) -> dict[str, tuple[str, wire.Manifest | None]]:
    """The manifests by code location; read before anything is locked, as they may have to be fetched."""
    with org_scope(org_id):
        found = _served(org_id, deployment_id)
    return {name: (sha256, stored.manifest(org_id, sha256)) for name, sha256 in found.items()}


def _served(org_id: UUID, deployment_id: UUID) -> dict[str, str]:
    rows = CodeLocation.objects.for_org(org_id).filter(deployment_id=deployment_id, current__isnull=False)
    return dict(rows.exclude(current__manifest_sha256="").values_list("name", "current__manifest_sha256"))


def _followed(org_id: UUID, deployment_id: UUID) -> dict[str, str]:
    rows = FollowedDefinitions.objects.for_org(org_id).filter(deployment_id=deployment_id)
    return dict(rows.values_list("location_name", "manifest_sha256"))


def _follow(
    deployment: Deployment, location: str, sha256: str, manifest: wire.Manifest | None, now: datetime.datetime
) -> None:
    org_id, of_branch = deployment.org_id, deployment.kind == DeploymentKind.BRANCH
    rows = Instigator.objects.for_org(org_id).filter(deployment_id=deployment.id, location_name=location)
    known = {(row.kind, row.name): row for row in rows.select_for_update(no_key=True).order_by("id")}
    defined = _defined(manifest) if manifest is not None else {}
    fresh = [
        Instigator(org_id=org_id, deployment_id=deployment.id, location_name=location, kind=kind, name=name)
        for kind, name in defined.keys() - known.keys()
    ]
    for row in (*known.values(), *fresh):
        _take_over(row, defined.get((row.kind, row.name), {"is_defined": False}), now, of_branch=of_branch)
    Instigator.unscoped.bulk_create(fresh, batch_size=1000)
    Instigator.objects.for_org(org_id).bulk_update(list(known.values()), [*_DEFINED, *STATE], batch_size=500)
    _note(org_id, deployment.id, location, sha256)
    log.info("instigators.reconciled", deployment=str(deployment.id), location=location, defined=len(defined))


def _take_over(row: Instigator, fields: dict[str, Any], now: datetime.datetime, *, of_branch: bool) -> None:
    changed = {name for name, value in fields.items() if getattr(row, name) != value}
    for name in changed:
        setattr(row, name, fields[name])
    stays = row.is_running and wants_to_run(row, of_branch=of_branch)
    if stays and changed.isdisjoint(_TIMING):
        return
    settle(row, now, of_branch=of_branch)


def _defined(manifest: wire.Manifest) -> dict[tuple[str, str], dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for schedule in manifest.schedules:
        timing = {"cron": list(schedule.cron), "timezone": (schedule.timezone or "")[:_TIMEZONE_MAX]}
        found[InstigatorKind.SCHEDULE, schedule.name[:_NAME_MAX]] = {**_shared(schedule), **timing}
    for sensor in manifest.sensors:
        asked = sensor.min_interval_seconds
        interval = bounded_interval(asked) if asked is not None else None
        kind = {"sensor_type": (sensor.sensor_type or "")[:40], "min_interval_seconds": interval}
        found[InstigatorKind.SENSOR, sensor.name[:_NAME_MAX]] = {**_shared(sensor), **kind}
    return found


def _shared(definition: wire.Instigator) -> dict[str, Any]:
    return {
        "is_defined": True,
        "timeout_seconds": timeout_of_tags(definition.tags),
        "is_default_running": definition.default_status == "RUNNING",
    }


def _note(org_id: UUID, deployment_id: UUID, location: str, sha256: str) -> None:
    rows = FollowedDefinitions.objects.for_org(org_id).filter(deployment_id=deployment_id, location_name=location)
    if not sha256:
        rows.delete()
    elif not rows.update(manifest_sha256=sha256):
        FollowedDefinitions.objects.create_in(
            org_id, deployment_id=deployment_id, location_name=location, manifest_sha256=sha256
        )
