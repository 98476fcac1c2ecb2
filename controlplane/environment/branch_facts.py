"""What is known of a branch deployment that bears on its environment: whose branch it is, of what, and whether strangers wrote it."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from controlplane.deployments.models import BranchDeployment, Deployment, DeploymentKind


@dataclass(frozen=True)
class BranchContext:
    """A branch deployment, and the name of the full deployment that it belongs to."""

    branch: BranchDeployment
    base: str


def branch_contexts(org_id: UUID, deployments: Iterable[Deployment]) -> dict[UUID, BranchContext]:
    """By deployment, of those that are branch deployments; two queries for all, none without any. Call it inside org_scope."""
    branches = {deployment.id: deployment for deployment in deployments if deployment.kind == DeploymentKind.BRANCH}
    if not branches:
        return {}
    rows = BranchDeployment.objects.for_org(org_id).filter(deployment_id__in=branches)
    parent_of = {branch.id: branch.parent_id for branch in branches.values() if branch.parent_id is not None}
    parents = Deployment.objects.for_org(org_id).filter(id__in=set(parent_of.values()))
    names = dict(parents.values_list("id", "name"))
    bases = {branch_id: names.get(parent_id, "") for branch_id, parent_id in parent_of.items()}
    return {row.deployment_id: BranchContext(row, bases.get(row.deployment_id, "")) for row in rows}


def branch_context(deployment: Deployment) -> BranchContext | None:
    """Of one deployment; None for a full one. Call it inside org_scope."""
    return branch_contexts(deployment.org_id, [deployment]).get(deployment.id)
