"""What the audit log says of deployments and code locations."""

from typing import Any

from controlplane.deployments.models import CodeLocation, Deployment
from tenants.access import Actor
from tenants.audit.services import AuditTarget, record


def note_deployment(deployment: Deployment, actor: Actor) -> None:
    """A deployment was made."""
    record(
        org_id=deployment.org_id,
        actor=actor,
        action="deployment.create",
        target=AuditTarget("deployment", deployment.id, deployment.name),
        after={"name": deployment.name, "kind": str(deployment.kind)},
        deployment_id=deployment.id,
    )


def note_description(deployment: Deployment, actor: Actor, *, before: str) -> None:
    """A deployment was described otherwise."""
    record(
        org_id=deployment.org_id,
        actor=actor,
        action="deployment.update",
        target=AuditTarget("deployment", deployment.id, deployment.name),
        before={"description": before},
        after={"description": deployment.description},
        deployment_id=deployment.id,
    )


def deployed(location: CodeLocation) -> dict[str, Any] | None:
    """What a location should be now: what is loaded, from which commit, by which agents. None for one that was never deployed."""
    version = location.desired
    if version is None:
        return None
    found = {
        "version": version.number,
        "target": {name: value for name, value in version.target.items() if value is not None},
        "git_commit": version.git_commit,
        "git_url": version.git_url,
        "source_sha256": version.source_sha256,
        "image": version.image,
        "queue": location.queue,
    }
    return {name: value for name, value in found.items() if value != ""}


def note_location(
    location: CodeLocation,
    actor: Actor,
    *,
    action: str,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    reason: str = "",
) -> None:
    """A code location was deployed, loaded again or deleted; `before` and `after` are as `deployed` says, `reason` why an Admin went
    past the protection rules.
    """
    record(
        org_id=location.org_id,
        actor=actor,
        action=action,
        target=AuditTarget("code_location", location.id, location.name),
        before=before,
        after=after,
        deployment_id=location.deployment_id,
        reason=reason,
    )
