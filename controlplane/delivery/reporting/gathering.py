"""What there is to tell, read from the rows: of a pull request, its branch deployment, its code locations and their runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Sum

from controlplane.definitions import selectors as definitions
from controlplane.definitions.comparison import Comparison, compare
from controlplane.definitions.differences import Change, Kind
from controlplane.definitions.manifest import Manifest
from controlplane.delivery.branches.rows import life_of
from controlplane.delivery.branches.selectors import address
from controlplane.delivery.models import DeliveryState, PullRequest, PullRequestState
from controlplane.delivery.reporting.error_places import annotation_of, annotations_of_problems, message_of
from controlplane.delivery.reporting.report import Changes, Report, Row, Stage
from controlplane.deployments.models import BranchDeployment, BranchState, CodeLocation, LocationVersion, VersionState
from controlplane.deployments.selectors import code_locations
from controlplane.runs.models import Run
from tenants.models import Organization
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

_STAGES = {
    DeliveryState.HELD: Stage.HELD,
    DeliveryState.QUEUED: Stage.QUEUED,
    DeliveryState.BUILDING: Stage.BUILDING,
    DeliveryState.LOADING: Stage.LOADING,
    DeliveryState.READY: Stage.READY,
    DeliveryState.FAILED: Stage.FAILED,
    DeliveryState.CLOSING: Stage.CLOSING,
    DeliveryState.CLOSED: Stage.CLOSED,
    DeliveryState.NONE: Stage.CLOSED,
}
_ROW_STAGES = {
    VersionState.PENDING: Stage.LOADING,
    VersionState.LOADING: Stage.LOADING,
    VersionState.LOADED: Stage.READY,
    VersionState.FAILED: Stage.FAILED,
}
_UNDEPLOYED = frozenset({Stage.HELD, Stage.QUEUED, Stage.BUILDING})
_MICROS = 1_000_000
_CENT = 10_000


def gather(pull: PullRequest) -> Report:
    """The report of a pull request, which comes with its repository; call it in no transaction."""
    org_id = pull.org_id
    with org_scope(org_id):
        branches = BranchDeployment.objects.for_org(org_id).select_related("deployment")
        branch = branches.filter(deployment_id=pull.deployment_id).first() if pull.deployment_id else None
        common: dict[str, Any] = {
            "id": pull.id,
            "is_open": pull.state == PullRequestState.OPEN,
            "number": pull.number,
            "sha": pull.head_sha,
            "commit_url": f"{pull.repository.web_url}/commit/{pull.head_sha}",
            "note": pull.delivery_note,
        }
        stage = _STAGES[DeliveryState(pull.delivery_state)]
        if pull.delivery_state == DeliveryState.FAILED:
            common["annotations"] = annotations_of_problems(pull.delivery_note)
        if branch is None:
            return Report(stage=stage, **common)
        if stage == Stage.READY and branch.state == BranchState.SLEEPING:
            stage = Stage.SLEEPING
        return Report(stage=stage, **common, **_of_branch(branch, pull, stage))


def _of_branch(branch: BranchDeployment, pull: PullRequest, stage: Stage) -> dict[str, Any]:
    org_id = branch.org_id
    slug = Organization.objects.values_list("slug", flat=True).get(id=org_id)
    url = address(slug, branch.deployment.name)
    life = life_of(org_id, branch.deployment_id)
    return {
        "name": branch.deployment.name,
        "url": url,
        "base_note": branch.base_note,
        "expires_at": branch.expires_at,
        "is_warned": branch.warned_at is not None,
        "is_kept_awake": branch.sleep_after_seconds is None,
        "job_problems": tuple(problem for problem in (life.create_error, life.close_error) if problem),
        # Of a commit that waits, is not packed yet, or cannot be, there is nothing; what an earlier one left is not of this report.
        "rows": () if stage in _UNDEPLOYED or _is_undeployable(pull) else _rows(branch, pull, stage, url),
    }


def _is_undeployable(pull: PullRequest) -> bool:
    """Whether it failed before it was deployed: then the note says why. Of a failure to load, the code locations do."""
    return pull.delivery_state == DeliveryState.FAILED and bool(pull.delivery_note)


@dataclass(frozen=True)
class _Whole:
    """What the rows of a report have in common; `changes` and `costs` (micro-units) by code location."""

    pull: PullRequest
    stage: Stage
    url: str
    changes: Mapping[str, Changes]
    costs: Mapping[str, int]


def _rows(branch: BranchDeployment, pull: PullRequest, stage: Stage, url: str) -> tuple[Row, ...]:
    locations = [found for found in code_locations(branch.org_id, branch.deployment_id) if found.desired is not None]
    whole = _Whole(pull, stage, url, _changes(branch, locations), _costs(branch))
    return tuple(_row(location.name, location.desired, whole) for location in locations if location.desired)


def _row(name: str, version: LocationVersion, whole: _Whole) -> Row:
    own = _ROW_STAGES[VersionState(version.state)]
    place = annotation_of(version, str(whole.pull.layout.get(name, ".")))
    return Row(
        location=name,
        stage=whole.stage if whole.stage in {Stage.CLOSING, Stage.CLOSED} else _asleep(own, whole.stage),
        url=f"{whole.url}/code-locations",
        logs_url=f"{whole.url}/runs",
        updated_at=version.loaded_at or version.created_at,
        changes=whole.changes.get(name) if version.state == VersionState.LOADED else None,
        cost=money(whole.costs.get(name, 0)),
        error=message_of(version.error) if version.state == VersionState.FAILED and version.error else "",
        annotations=(place,) if place else (),
        seconds=_seconds(version),
    )


def _asleep(own: Stage, whole: Stage) -> Stage:
    return Stage.SLEEPING if own == Stage.READY and whole == Stage.SLEEPING else own


def _seconds(version: LocationVersion) -> float | None:
    return (version.loaded_at - version.created_at).total_seconds() if version.loaded_at else None


def _changes(branch: BranchDeployment, locations: list[CodeLocation]) -> dict[str, Changes]:
    """By location, against what the base defined where the branch left it; empty while that is not known or nothing has loaded."""
    loaded = {row.name: row.desired.manifest_sha256 for row in locations if row.desired and row.desired.manifest_sha256}
    if branch.base_manifests is None or not loaded:
        return {}
    before = {name: sha for name, sha in branch.base_manifests.items() if name in loaded}
    found = compare(_manifests(branch.org_id, before), _manifests(branch.org_id, loaded))
    return {name: _counted(found, name) for name in loaded}


def _counted(found: Comparison, location: str) -> Changes:
    own = [one for one in found.differences if one.location == location]
    assets = [one.change for one in own if one.kind == Kind.ASSET]
    return Changes(
        added=assets.count(Change.ADDED),
        changed=assets.count(Change.CHANGED),
        removed=assets.count(Change.REMOVED),
        affected=sum(one.location == location for one in found.affected),
        others=len(own) - len(assets),
    )


def _manifests(org_id: UUID, hashes: Mapping[str, str]) -> dict[str, Manifest]:
    return {name: definitions.manifest(org_id, sha256) for name, sha256 in hashes.items()}


def _costs(branch: BranchDeployment) -> dict[str, int]:
    """Micro-units by location, of all runs of the branch."""
    runs = Run.objects.for_org(branch.org_id).filter(deployment_id=branch.deployment_id)
    return dict(runs.values("location_name").annotate(cost=Sum("cost_micros")).values_list("location_name", "cost"))


def money(micros: int) -> str:
    """In the currency of the price book, as exact as a comment has to be: steps of a cent."""
    currency = settings.PRICE_CURRENCY.upper()
    if 0 < micros < _CENT:
        return f"< 0.01 {currency}"
    return f"{micros / _MICROS:,.2f} {currency}"
