"""What the base of a branch deployment defined where the branch left it: frozen, so that a diff shows the branch and not the base's news."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db.models import QuerySet
from django.utils import timezone

from controlplane.deployments.branches import OF_BASE, branch_of
from controlplane.deployments.models import (
    BranchDeployment,
    BranchRevision,
    CodeLocation,
    Deployment,
    LocationVersion,
    VersionState,
)
from tenants.errors import InvalidError
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

_SHORT = 7


@dataclass(frozen=True)
class BaseSnapshot:
    """Sha256 of manifests by code location; `commit` is the one they are of, None when it is what served just now.

    `waiting`: code locations of the base that are being loaded at that commit.
    """

    manifests: Mapping[str, str]
    commit: str | None
    waiting: Sequence[str] = ()


def set_base(
    *, org_id: UUID, deployment_id: UUID, merge_base_sha: str, earlier: Sequence[str] = ()
) -> BranchDeployment:
    """Store what the base defined at the merge base; `earlier` are the commits before it, the newest first.

    Of each code location that is the version that loaded of this commit, or the nearest before it. A base that never loaded any of
    them is taken as it serves now, and `base_note` says so. It stays until the merge base moves: news of the base change nothing, but
    an inexact one gives way to the exact one once the base has loaded it. NotFoundError for a full deployment.
    """
    with org_scope(org_id):
        branch = branch_of(org_id, deployment_id)
        BranchDeployment.objects.for_org(org_id).select_for_update().get(deployment_id=deployment_id)
        branch.refresh_from_db(fields=["merge_base_sha", "base_manifests", "base_note"])
        moved = branch.base_manifests is None or branch.merge_base_sha != merge_base_sha
        if not moved and not branch.base_note:
            return branch
        parent = _parent(org_id, branch.deployment)
        found = _snapshot(org_id, parent, [merge_base_sha, *earlier] if merge_base_sha else [])
        exact = found.commit is not None and found.commit == merge_base_sha
        note = _note(parent.name, merge_base_sha, found)[:500]
        if moved or (exact and note != branch.base_note):
            branch.merge_base_sha = merge_base_sha[:64]
            branch.base_manifests = dict(found.manifests)
            branch.base_note = note
            branch.save(update_fields=OF_BASE)
            # Of a head that is deployed already: it was compared with no base, or with one that was not exact.
            head = BranchRevision.objects.for_org(org_id).filter(deployment_id=deployment_id, sha=branch.head_sha)
            head.update(**{name: getattr(branch, name) for name in OF_BASE})
            log.info("branch.base", org=str(org_id), deployment=branch.deployment.name, commit=found.commit)
        return branch


def _parent(org_id: UUID, deployment: Deployment) -> Deployment:
    parent_id = deployment.parent_id
    parent = Deployment.objects.for_org(org_id).filter(id=parent_id).first() if parent_id else None
    if parent is None:
        raise InvalidError(
            f"The deployment that {deployment.name} branched from was deleted; there is nothing to compare with."
        )
    return parent


def _snapshot(org_id: UUID, parent: Deployment, commits: Sequence[str]) -> BaseSnapshot:
    rank = {sha: number for number, sha in reversed(list(enumerate(commits)))}
    loaded = _loaded(org_id, parent.id)
    versions = list(loaded.filter(git_commit__in=list(rank)).select_related("location"))
    if not versions:
        return BaseSnapshot(_serving(org_id, parent.id), commit=None)
    nearest: dict[str, LocationVersion] = {}
    for version in sorted(versions, key=lambda v: (-rank[v.git_commit], v.number)):
        nearest[version.location.name] = version
    best = min(nearest.values(), key=lambda version: rank[version.git_commit])
    at = max(version.created_at for version in nearest.values() if version.git_commit == best.git_commit)
    # A location whose code did not change keeps the commit of its last change, which may be older than those we were told of.
    others = {version.location.name: version for version in _newest_at(loaded, at)}
    manifests = {name: version.manifest_sha256 for name, version in sorted({**others, **nearest}.items())}
    return BaseSnapshot(manifests, best.git_commit, _waiting(org_id, parent.id, best.git_commit))


def _loaded(org_id: UUID, deployment_id: UUID) -> QuerySet[LocationVersion]:
    rows = LocationVersion.objects.for_org(org_id).filter(location__deployment_id=deployment_id)
    return rows.filter(state=VersionState.LOADED).exclude(manifest_sha256="")


def _waiting(org_id: UUID, deployment_id: UUID, commit: str) -> list[str]:
    rows = CodeLocation.objects.for_org(org_id).filter(deployment_id=deployment_id, desired__git_commit=commit)
    states = [VersionState.PENDING, VersionState.LOADING]
    return list(rows.filter(desired__state__in=states).order_by("name").values_list("name", flat=True))


def _newest_at(loaded: QuerySet[LocationVersion], at: datetime.datetime) -> QuerySet[LocationVersion]:
    """The newest version of each location that was deployed by then; a location that came later has none."""
    newest = loaded.filter(created_at__lte=at).order_by("location_id", "-number").distinct("location_id")
    return newest.select_related("location")


def _serving(org_id: UUID, deployment_id: UUID) -> dict[str, str]:
    rows = CodeLocation.objects.for_org(org_id).filter(deployment_id=deployment_id, current__isnull=False)
    found = rows.exclude(current__manifest_sha256="").order_by("name")
    return dict(found.values_list("name", "current__manifest_sha256"))


def _note(parent: str, merge_base_sha: str, found: BaseSnapshot) -> str:
    if found.commit is not None and found.commit == merge_base_sha:
        names = ", ".join(found.waiting)
        return (
            f"{parent} is still loading {names} of {merge_base_sha[:_SHORT]}, where the branch begins." if names else ""
        )
    if found.commit is not None:
        return (
            f"{parent} never loaded {merge_base_sha[:_SHORT]}, where the branch begins; this compares with the nearest commit before it "
            f"that {parent} did load, {found.commit[:_SHORT]}."
        )
    when = f"{timezone.now():%Y-%m-%d %H:%M} UTC"
    if not found.manifests:
        return f"Nothing was loaded in {parent} on {when}, so everything counts as new."
    if not merge_base_sha:
        return f"Where the branch begins is not known, so this compares with what {parent} served on {when}."
    return (
        f"{parent} never loaded {merge_base_sha[:_SHORT]}, where the branch begins, nor a commit before it; this compares with what it "
        f"served on {when}."
    )
