"""The rows of a branch deployment, locked together: of the branch itself, and of what delivery does with it."""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from controlplane.delivery.models import BranchLife, PullRequest
from controlplane.delivery.pull_requests.waking import wake
from controlplane.deployments.branches import branch_of
from controlplane.deployments.freezing import hold
from controlplane.deployments.models import BranchDeployment
from tenants.audit.services import AuditTarget
from tenants.errors import NotFoundError
from tenants.scoping import org_scope

_DAY = 86_400


@dataclass(frozen=True)
class BranchRows:
    """A branch deployment (with `deployment`) and its life."""

    branch: BranchDeployment
    life: BranchLife

    @property
    def name(self) -> str:
        return self.branch.deployment.name

    @property
    def target(self) -> AuditTarget:
        """As the audit log names it."""
        return AuditTarget("deployment", self.branch.deployment_id, self.name)


def default_expiry() -> int:
    """Seconds without activity after which a branch is closed, where nobody said otherwise."""
    return settings.BRANCH_EXPIRE_DAYS * _DAY


def branch_now(org_id: UUID, deployment_id: UUID) -> BranchDeployment:
    """The branch as it is stored now."""
    with org_scope(org_id):
        return branch_of(org_id, deployment_id)


def locked(org_id: UUID, deployment_id: UUID) -> BranchRows:
    """Both rows, locked until the transaction ends; NotFoundError when this is no branch deployment. Call it inside org_scope."""
    # The order is the same everywhere: the deployment, its branch, its pull request.
    hold(org_id, deployment_id)
    rows = BranchDeployment.objects.for_org(org_id).select_related("deployment").select_for_update(of=("self",))
    branch = rows.filter(deployment_id=deployment_id).first()
    if branch is None:
        raise NotFoundError("This is not a branch deployment.")
    return BranchRows(branch, life_of(org_id, deployment_id, make=True))


def life_of(org_id: UUID, deployment_id: UUID, *, make: bool = False) -> BranchLife:
    """Its life; the defaults where there is no row, which is stored with `make`. Call it inside org_scope."""
    known = BranchLife.objects.for_org(org_id).filter(deployment_id=deployment_id).first()
    if known is not None:
        return known
    fresh = BranchLife(org_id=org_id, deployment_id=deployment_id, expire_after_seconds=default_expiry())
    if make:
        fresh.save(force_insert=True)
    return fresh


def wake_pull_requests(org_id: UUID, deployment_id: UUID) -> None:
    """Something changed in it: who looks after its pull request does so now. Call it inside org_scope."""
    rows = PullRequest.objects.for_org(org_id).filter(deployment_id=deployment_id)
    rows.update(work_due_at=Now())
    for pull_request_id in rows.values_list("id", flat=True):
        wake(org_id, pull_request_id)
