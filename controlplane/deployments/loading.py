"""What an agent reports about loading a version, and what follows: the newest version that loaded serves."""

from uuid import UUID

import msgspec
from django.db.models import F, FloatField, Func
from django.db.models.functions import Now

from agent.protocol import LocationReport, LocationState
from controlplane.core import wakeups
from controlplane.core.background import enqueue
from controlplane.definitions import selectors as definitions
from controlplane.deployments.models import CodeLocation, LocationVersion, VersionState
from tenants.errors import InvalidError, NotFoundError
from tenants.scoping import org_scope

# What follows from other definitions: schedules and sensors. A sweep does it where this is lost.
FOLLOW_TASK = "automation.follow_definitions"
# By the database's clock, on both ends.
_SECONDS_SINCE_CREATED = Func(
    Now() - F("created_at"),
    function="extract",
    template="%(function)s(epoch FROM %(expressions)s)",
    output_field=FloatField(),
)


def record_load(*, org_id: UUID, version_id: UUID, report: LocationReport, loaded_elsewhere: bool) -> None:
    """Note the outcome of a load. A failure leaves what served before serving, and counts only where nobody else loaded it.
    Unloading says nothing about the version.

    InvalidError when it says loaded and its manifest is not here or cannot be read.
    """
    manifest_sha256 = _readable_manifest(org_id, report)
    with org_scope(org_id):
        version = _locked_version(org_id, version_id)
        _note_phases(version, report)
        if report.state is LocationState.LOADED:
            _note_loaded(version, report, manifest_sha256)
            _serve(version)
        elif not loaded_elsewhere and report.state is not LocationState.UNLOADED:
            _note_not_loaded(version, report)
        wakeups.wake(f"queue:{org_id}", f"org:{org_id}:locations")


def _readable_manifest(org_id: UUID, report: LocationReport) -> str:
    if report.state is not LocationState.LOADED:
        return ""
    if report.manifest is None:
        raise InvalidError("A loaded version has a manifest.", attr="manifest")
    try:
        definitions.manifest(org_id, report.manifest.sha256)
    except NotFoundError as error:
        raise InvalidError("Upload the manifest before reporting the version.", attr="manifest") from error
    return report.manifest.sha256


def _locked_version(org_id: UUID, version_id: UUID) -> LocationVersion:
    versions = LocationVersion.objects.for_org(org_id).select_for_update()
    version = versions.annotate(waited=_SECONDS_SINCE_CREATED).filter(id=version_id).first()
    if version is None:
        raise NotFoundError("There is no such version of a code location; it was deleted.")
    return version


def _note_phases(version: LocationVersion, report: LocationReport) -> None:
    """Of the deploy: what loads it again later, a restart of its agent say, changes nothing about how long that took."""
    if version.loaded_at is not None or report.state is LocationState.UNLOADED:
        return
    queued = version.phases.get("queued", version.waited)  # type: ignore[attr-defined]  # annotated by _locked_version
    version.phases = {"queued": queued, **{str(phase): seconds for phase, seconds in report.phases.items()}}


def _note_loaded(version: LocationVersion, report: LocationReport, manifest_sha256: str) -> None:
    version.state, version.error = VersionState.LOADED, None
    version.load_seconds = report.load_seconds
    version.loaded_at = Now()
    version.dagster_version = (report.dagster_version or "")[:40]
    version.python_version = (report.python_version or "")[:40]
    version.worker_mode = (report.mode or "")[:12]
    version.worker_mode_reason = (report.mode_reason or "")[:500]
    version.counts = report.counts
    version.manifest_sha256 = manifest_sha256
    version.snapshot_sha256 = report.snapshot.sha256 if report.snapshot else ""
    version.save()


def _note_not_loaded(version: LocationVersion, report: LocationReport) -> None:
    if report.state is LocationState.LOADING:
        version.state = VersionState.LOADING
    else:
        error = msgspec.to_builtins(report.error) if report.error else {"message": "The agent gave no reason."}
        version.state, version.error = VersionState.FAILED, error
        version.load_seconds = report.load_seconds
        version.dagster_version = (report.dagster_version or "")[:40]
        version.python_version = (report.python_version or "")[:40]
    version.save()


def _serve(version: LocationVersion) -> None:
    """Make it the current version, unless a newer one is already."""
    locations = CodeLocation.objects.for_org(version.org_id).select_for_update(of=("self",)).select_related("current")
    location = locations.get(id=version.location_id)
    if location.current is None or location.current.number < version.number:
        CodeLocation.objects.for_org(version.org_id).filter(id=location.id).update(current=version)
        enqueue(FOLLOW_TASK, org_id=version.org_id, deployment_id=location.deployment_id)
