"""What a branch deployment changes, as one caller may know it: its definitions against the frozen ones of its base."""

import datetime
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from controlplane.definitions.comparison import Comparison
from controlplane.deployments import selectors
from controlplane.deployments.branches import branch_of
from controlplane.deployments.current_definitions import DeploymentDefinitions
from controlplane.deployments.known_comparison import compared, from_hashes
from controlplane.deployments.models import (
    BranchDeployment,
    BranchRevision,
    CodeLocation,
    Deployment,
    DeploymentKind,
    LocationVersion,
)
from controlplane.deployments.visibility import Visible, visible_to
from tenants.access import Access
from tenants.errors import ForbiddenError, NotFoundError
from tenants.permissions import Permission
from tenants.scoping import read_scope

# As short as Git itself makes them.
_MIN_SHA = 4
# A comparison of two sets of 5,000 assets takes a tenth of a second; what is kept of it is what differs.


@dataclass(frozen=True)
class Sides:
    """What is compared: of the base, frozen; and of the branch, with what it takes over from the base unchanged. Unfiltered.

    `not_loaded` are locations of the branch of which no version ever loaded; `inherited` those that only the base has.
    """

    branch: BranchDeployment
    base: Deployment
    before: DeploymentDefinitions
    after: DeploymentDefinitions
    not_loaded: tuple[str, ...] = ()
    inherited: tuple[str, ...] = ()
    is_deployed: bool = True


@dataclass(frozen=True)
class BranchChanges:
    """What a caller may know of the changes. `note` says how exact the base is; empty when it is the merge base's own."""

    branch: BranchDeployment
    base: Deployment
    note: str
    comparison: Comparison
    not_loaded: tuple[str, ...]
    # What the branch defines, itself or from the base, and what the base defined: as far as the caller may know of both.
    after: DeploymentDefinitions
    before: DeploymentDefinitions
    inherited: tuple[str, ...] = ()
    # Whether the branch has any code location at all.
    is_deployed: bool = True


def changes(access: Access, deployment: Deployment) -> BranchChanges:
    """What the branch changes. NotFoundError for a full deployment; ForbiddenError for who may not enter the base."""
    org_id = access.org.id
    with read_scope(org_id):
        branch = branch_of(org_id, deployment.id)
        rows = CodeLocation.objects.for_org(org_id).filter(deployment_id=deployment.id)
        deployed = set(rows.values_list("name", flat=True))
        now = _State(visible_to(access, deployment).whole, deployed, branch.base_manifests, branch.base_note)
        return _known(access, _sides(branch, base_of(access, deployment), now), now.note)


def changes_at(access: Access, deployment: Deployment, revision: BranchRevision) -> BranchChanges:
    """What the branch changed when it was deployed from this commit, against the base as it was then."""
    org_id = access.org.id
    with read_scope(org_id):
        branch = branch_of(org_id, deployment.id)
        there = at_revision(org_id, revision)
        then = _State(there, set(revision.versions), revision.base_manifests, revision.base_note, revision.created_at)
        return _known(access, _sides(branch, base_of(access, deployment), then), then.note)


@dataclass(frozen=True)
class _State:
    """A branch at one time: what it defines, the locations it consists of, and its frozen base."""

    definitions: DeploymentDefinitions
    deployed: set[str]
    base: Mapping[str, str] | None
    note: str
    at: datetime.datetime | None = None


def revision_of(org_id: UUID, deployment: Deployment, sha: str) -> BranchRevision:
    """What was deployed from a commit, named by its sha or the beginning of it; the newest of several. NotFoundError without one."""
    none = NotFoundError(f"{deployment.name} was never deployed from a commit {sha[:12]}.")
    if len(sha) < _MIN_SHA:
        raise none
    with read_scope(org_id):
        rows = BranchRevision.objects.for_org(org_id).filter(deployment_id=deployment.id, sha__startswith=sha.lower())
        found = rows.order_by("-created_at").first()
    if found is None:
        raise none
    return found


def base_of(access: Access, deployment: Deployment) -> Deployment:
    """The full deployment that a branch deployment belongs to; ForbiddenError when the caller may not enter it. Call it inside org_scope."""
    org_id = access.org.id
    found = (
        Deployment.objects.for_org(org_id)
        .filter(id=deployment.parent_id or deployment.id, kind=DeploymentKind.FULL)
        .first()
    )
    if found is None:
        raise NotFoundError(f"The base of {deployment.name} was deleted: there is nothing to compare with.")
    if not access.may_enter(found.place):
        raise ForbiddenError(
            "What a branch changes is shown to people who may enter its base. An admin can give you the role Viewer there."
        )
    return found


def at_revision(org_id: UUID, revision: BranchRevision) -> DeploymentDefinitions:
    """What a branch defined at one commit, from stored manifests."""
    versions = selectors.versions_by_id(org_id, map(UUID, revision.versions.values()))
    hashes = {row.location.name: row.manifest_sha256 for row in versions.values() if row.manifest_sha256}
    return from_hashes(org_id, {**revision.manifests, **hashes})


def _sides(branch: BranchDeployment, parent: Deployment, state: _State) -> Sides:
    """A location that the branch has no definitions of counts as unchanged, unless the branch took it away."""
    org_id, there = branch.org_id, state.definitions
    before = selectors.definitions(org_id, parent.id) if state.base is None else from_hashes(org_id, state.base)
    not_loaded = state.deployed - there.by_location.keys()
    absent = before.by_location.keys() - state.deployed - there.by_location.keys()
    gone = _taken_away(branch, parent, absent, state.at)
    kept = {name: of for name, of in before.by_location.items() if name in (absent - gone) | not_loaded}
    after = DeploymentDefinitions(by_location={**kept, **there.by_location}, order=there.order)
    return Sides(
        branch,
        parent,
        before,
        after,
        not_loaded=tuple(sorted(not_loaded)),
        inherited=tuple(sorted(kept.keys() - not_loaded)),
        is_deployed=bool(state.deployed),
    )


def _taken_away(
    branch: BranchDeployment, parent: Deployment, absent: Iterable[str], until: datetime.datetime | None
) -> set[str]:
    """Those of the locations of the base which the branch had once, and has no more; and, where we deploy the whole repository, those
    that the base has from it. Any other may only not have been built: CI builds what changed, and several repositories share a base.
    """
    names = set(absent)
    if not names:
        return names
    rows = BranchRevision.objects.for_org(branch.org_id).filter(deployment_id=branch.deployment_id)
    if until is not None:
        rows = rows.filter(created_at__lte=until)
    revisions = list(rows.values_list("versions", flat=True))
    had = names & {name for versions in revisions for name in versions}
    return had | _of_repository(branch, parent, names) if revisions and branch.repository_id else had


def _of_repository(branch: BranchDeployment, parent: Deployment, names: Iterable[str]) -> set[str]:
    """Locations of the base that were deployed from the branch's own repository, by what their newest versions say."""
    rows = LocationVersion.objects.for_org(branch.org_id).filter(
        location__deployment_id=parent.id, location__name__in=list(names)
    )
    newest = rows.order_by("location_id", "-number").distinct("location_id").values_list("location__name", "git_url")
    own = re.compile(rf"[/:]{re.escape(branch.repository)}(\.git)?(/|$)", re.IGNORECASE)
    return {name for name, git_url in newest if own.search(git_url)}


def _known(access: Access, sides: Sides, note: str) -> BranchChanges:
    pair = visible_to(access, sides.base), visible_to(access, sides.branch.deployment)
    known = compared(sides.before, sides.after, pair)
    return BranchChanges(
        branch=sides.branch,
        base=sides.base,
        note=note,
        comparison=known.comparison,
        not_loaded=_may_know(pair, sides.not_loaded),
        inherited=_may_know(pair, sides.inherited),
        before=known.before,
        after=known.after,
        is_deployed=sides.is_deployed,
    )


def _may_know(pair: Iterable[Visible], names: Iterable[str]) -> tuple[str, ...]:
    parts = [visible.part(Permission.LOCATION_READ) for visible in pair]
    return tuple(name for name in names if all(part.has_location(name) for part in parts))
