"""Deploying what belongs together: several code locations of one deployment, from one commit, all or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from controlplane.deployments import branches
from controlplane.deployments.code import Code
from controlplane.deployments.models import CodeLocation, LocationVersion
from controlplane.deployments.services import delete_location, deploy_location
from tenants.access import Actor
from tenants.errors import InvalidError
from tenants.scoping import org_scope


@dataclass(frozen=True)
class LocationDeploy:
    """What one code location should be from now on."""

    name: str
    code: Code
    queue: str = "default"


def deploy_locations(
    *,
    org_id: UUID,
    deployment_id: UUID,
    deploys: Sequence[LocationDeploy],
    actor: Actor,
    sync: bool = False,
    sha: str = "",
) -> list[LocationVersion]:
    """Deploy them, in their order; with `sync`, delete what is not among them. One that did not change keeps its version.

    A branch deployment that sleeps wakes, and what it consists of is kept under `sha`.
    """
    names = [deploy.name for deploy in deploys]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidError(f"The code location {twice[0]} is named twice.", attr="locations")
    with org_scope(org_id):
        branches.wake(org_id=org_id, deployment_id=deployment_id)
        versions = [
            deploy_location(
                org_id=org_id,
                deployment_id=deployment_id,
                name=deploy.name,
                code=deploy.code,
                queue=deploy.queue,
                actor=actor,
            )
            for deploy in deploys
        ]
        if sync:
            known = CodeLocation.objects.for_org(org_id).filter(deployment_id=deployment_id)
            for name in known.exclude(name__in=names).order_by("name").values_list("name", flat=True):
                delete_location(org_id=org_id, deployment_id=deployment_id, name=name, actor=actor)
        if branches.is_branch(org_id, deployment_id):
            branches.note_revision(org_id=org_id, deployment_id=deployment_id, sha=sha)
    return versions
