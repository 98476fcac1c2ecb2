"""Setting the settings of a full deployment: the whole document at once, as settings_document.py reads it."""

from typing import Any
from uuid import UUID

from controlplane.core import wakeups
from controlplane.deployments.freezing import require_thawed
from controlplane.deployments.models import Deployment, DeploymentKind
from controlplane.deployments.settings_document import parse_document
from tenants.access import Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError
from tenants.scoping import org_scope


def set_settings(*, org_id: UUID, deployment_id: UUID, document: Any, actor: Actor) -> dict[str, Any]:
    """Replace the whole document; what it leaves out is the default again. Answers what is stored.

    InvalidError with the path of what is wrong; ConflictError for a branch deployment, or a frozen one.
    """
    wanted = parse_document(document)
    with org_scope(org_id):
        require_thawed(org_id, deployment_id)
        deployment = Deployment.objects.for_org(org_id).select_for_update(no_key=True).get(id=deployment_id)
        if deployment.kind != DeploymentKind.FULL:
            raise ConflictError(
                f"{deployment.name} is a branch deployment: it has no settings of its own. Those of its full deployment, and quotas of "
                "the organization, hold for it."
            )
        before = deployment.settings
        if before == wanted:
            return wanted
        Deployment.objects.for_org(org_id).filter(id=deployment_id).update(settings=wanted)
        record(
            org_id=org_id,
            actor=actor,
            action="deployment.settings",
            target=AuditTarget("deployment", deployment.id, deployment.name),
            before=before,
            after=wanted,
            deployment_id=deployment.id,
        )
        # There may be room for runs now.
        wakeups.wake(f"queue:{org_id}")
    return wanted
