"""Reading branch deployments: those that a caller may enter, with what delivery knows of each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from controlplane.delivery.branches.approvals import pull_request_of
from controlplane.delivery.branches.rows import life_of
from controlplane.delivery.models import BranchLife, PullRequest
from controlplane.deployments.models import BranchDeployment, Deployment
from tenants.access import Access
from tenants.scoping import read_scope


@dataclass(frozen=True)
class BranchFilter:
    """Which branches; everything that is given must hold."""

    repository: str = ""
    pull_request: int | None = None
    branch: str = ""
    states: Sequence[str] = ()
    base: str = ""


@dataclass(frozen=True)
class BranchView:
    """One branch deployment with its base's name, its life, and its pull request if its repository is connected."""

    branch: BranchDeployment
    base: str
    url: str
    life: BranchLife
    pull: PullRequest | None

    @property
    def name(self) -> str:
        return self.branch.deployment.name


# Documents of each branch that no list shows.
_HEAVY = ("base_manifests", "deployment__protection", "deployment__protection_override", "deployment__settings")


def address(org_slug: str, name: str) -> str:
    """Where its pages are."""
    return f"{settings.PUBLIC_URL}/{org_slug}/d/{name}"


def branches_for(access: Access, wanted: BranchFilter) -> list[BranchView]:
    """Those that the caller may enter, by name."""
    org_id = access.org.id
    with read_scope(org_id):
        rows = BranchDeployment.objects.for_org(org_id).select_related("deployment").defer(*_HEAVY)
        if wanted.repository:
            rows = rows.filter(repository=wanted.repository)
        if wanted.pull_request is not None:
            rows = rows.filter(pull_request=wanted.pull_request)
        if wanted.branch:
            rows = rows.filter(branch=wanted.branch)
        if wanted.states:
            rows = rows.filter(state__in=wanted.states)
        found = [row for row in rows.order_by("deployment__name") if access.may_enter(row.deployment.place)]
        views = _views(access, found)
    return [view for view in views if not wanted.base or view.base == wanted.base]


def view_of(access: Access, branch: BranchDeployment) -> BranchView:
    """One of them; the caller was let in."""
    org_id = access.org.id
    with read_scope(org_id):
        return BranchView(
            branch=branch,
            base=_bases(org_id, [branch]).get(branch.deployment.parent_id, ""),
            url=address(access.org.slug, branch.deployment.name),
            life=life_of(org_id, branch.deployment_id),
            pull=pull_request_of(org_id, branch.deployment_id),
        )


def _views(access: Access, found: list[BranchDeployment]) -> list[BranchView]:
    """All of them with three queries."""
    org_id, ids = access.org.id, [row.deployment_id for row in found]
    bases = _bases(org_id, found)
    lives = {row.deployment_id: row for row in BranchLife.objects.for_org(org_id).filter(deployment_id__in=ids)}
    pulls: dict[UUID | None, PullRequest] = {}
    # An open one, if there are two, comes last and stays.
    for pull in PullRequest.objects.for_org(org_id).filter(deployment_id__in=ids).order_by("state"):
        if pull.deployment_id not in pulls or pull.state == "open":
            pulls[pull.deployment_id] = pull
    return [
        BranchView(
            branch=row,
            base=bases.get(row.deployment.parent_id, ""),
            url=address(access.org.slug, row.deployment.name),
            life=lives.get(row.deployment_id) or BranchLife(org_id=org_id, deployment_id=row.deployment_id),
            pull=pulls.get(row.deployment_id),
        )
        for row in found
    ]


def _bases(org_id: UUID, found: Iterable[BranchDeployment]) -> dict[UUID | None, str]:
    ids = {row.deployment.parent_id for row in found if row.deployment.parent_id}
    return dict(Deployment.objects.for_org(org_id).filter(id__in=ids).values_list("id", "name"))
