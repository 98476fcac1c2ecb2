"""Branch deployments for tests, made as CI makes them."""

import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from agent.protocol import Target
from controlplane.delivery.branches.ci import create_or_update
from controlplane.delivery.branches.opening import Wishes
from controlplane.delivery.models import BranchLife
from controlplane.deployments.branches import BranchFacts, branch_of
from controlplane.deployments.code import Code
from controlplane.deployments.deploying import LocationDeploy, deploy_locations
from controlplane.deployments.models import BranchDeployment, Deployment, LocationVersion
from tenants.scoping import org_scope
from tests.cast import Cast
from tests.factories import load, make_manifest


def make_branch(cast: Cast, number: int = 12, *, wishes: Wishes | None = None, **facts: Any) -> BranchDeployment:
    """The branch deployment of a pull request that only CI knows."""
    told = BranchFacts(repository="acme/shop", branch=f"feature-{number}", pull_request=number, **facts)
    return create_or_update(org_id=cast.org_id, parent=cast.deployment, facts=told, actor=cast.actor, wishes=wishes)


def deploy_branch(cast: Cast, branch: BranchDeployment, name: str = "shop", sha: str = "a" * 40) -> LocationVersion:
    """Deploy a code location of it, which nobody has loaded yet."""
    deploys = [LocationDeploy(name=name, code=Code(target=Target(module_name=name), git_commit=sha))]
    found = deploy_locations(
        org_id=cast.org_id, deployment_id=branch.deployment_id, deploys=deploys, actor=cast.actor, sha=sha
    )
    return found[0]


def load_branch(cast: Cast, branch: BranchDeployment, name: str = "shop", **deployed: Any) -> LocationVersion:
    """Deploy a code location of it, and load it."""
    version = deploy_branch(cast, branch, name, **deployed)
    load(cast, version, make_manifest(location=name))
    return version


def fresh(branch: BranchDeployment) -> BranchDeployment:
    """As it is stored now."""
    with org_scope(branch.org_id):
        return branch_of(branch.org_id, branch.deployment_id)


def is_awake(branch: BranchDeployment) -> bool:
    with org_scope(branch.org_id):
        return Deployment.objects.for_org(branch.org_id).get(id=branch.deployment_id).is_awake


def life_row(branch: BranchDeployment) -> BranchLife:
    with org_scope(branch.org_id):
        return BranchLife.objects.for_org(branch.org_id).get(deployment_id=branch.deployment_id)


def move_times(branch: BranchDeployment, *, days: float = 0, hours: float = 0) -> None:
    """As if so much time had passed: every time of its rows lies earlier by that."""
    by = datetime.timedelta(days=days, hours=hours)
    with org_scope(branch.org_id):
        row = branch_of(branch.org_id, branch.deployment_id)
        for name in ("active_at", "expires_at", "warned_at", "closed_at", "archived_at"):
            if getattr(row, name) is not None:
                setattr(row, name, getattr(row, name) - by)
        row.save()
        for life in BranchLife.objects.for_org(branch.org_id).filter(deployment_id=branch.deployment_id):
            for name in ("due_at", "close_deadline"):
                if getattr(life, name) is not None:
                    setattr(life, name, getattr(life, name) - by)
            life.save()


def exists(org_id: UUID, deployment_id: UUID) -> bool:
    with org_scope(org_id):
        return Deployment.objects.for_org(org_id).filter(id=deployment_id).exists()


def in_days(days: float) -> datetime.datetime:
    return timezone.now() + datetime.timedelta(days=days)
