"""A frozen deployment is read-only: nothing is deployed, launched or changed in it until it is thawed. What runs, runs on.

Every service that changes something in a deployment asks `require_thawed` first, in its transaction.
"""

from uuid import UUID

import structlog
from django.db.models.functions import Now

from controlplane.core import recordsets
from controlplane.deployments.models import Deployment
from tenants.access import Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

REASON_MAX = 500
# A deletion waits for those who hold the row so, and they for it; other changes of the row do not.
_HELD = """
    SELECT name, frozen_at, frozen_by, frozen_reason FROM deployment WHERE org_id = %s AND id = %s FOR KEY SHARE
"""


class DeploymentFrozenError(ConflictError):
    """The deployment is frozen: it can be looked at, and nothing can be changed in it."""

    code = "deployment_frozen"


def require_thawed(org_id: UUID, deployment_id: UUID) -> None:
    """DeploymentFrozenError while it is frozen, NotFoundError once it is deleted; neither can happen until the caller's transaction
    ends, but a freeze. Call it inside org_scope.
    """
    rows = recordsets.fetch(_HELD, (org_id, deployment_id))
    if not rows:
        raise NotFoundError("There is no such deployment.")
    name, frozen_at, frozen_by, reason = rows[0]
    if frozen_at is not None:
        raise DeploymentFrozenError(frozen_text(name, frozen_by, reason))


def hold(org_id: UUID, deployment_id: UUID) -> bool:
    """Keep a deployment from being deleted until the caller's transaction ends; False when there is none. Call it inside org_scope.

    Whoever locks rows of a deployment holds it first, as its deletion does: otherwise the two wait for each other.
    """
    return bool(recordsets.fetch(_HELD, (org_id, deployment_id)))


def frozen_text(name: str, frozen_by: str, reason: str) -> str:
    """What is said to whoever would change something in it."""
    why = f": {reason.rstrip('.')}." if reason else "."
    return f"{name} was frozen by {frozen_by}{why} Nothing changes in it until somebody thaws it, in its settings."


def freeze(*, org_id: UUID, deployment_id: UUID, reason: str, actor: Actor) -> Deployment:
    """Make it read-only. InvalidError without a reason, ConflictError when it is frozen already."""
    words = reason.strip()
    if not words or len(words) > REASON_MAX or not words.isprintable():
        raise InvalidError(
            f"Say why, in one line of at most {REASON_MAX} characters: it is shown to others.", attr="reason"
        )
    with org_scope(org_id):
        deployment = _locked(org_id, deployment_id)
        if deployment.frozen_at is not None:
            raise ConflictError(f"{deployment.name} is frozen already, by {deployment.frozen_by}.")
        return _set(deployment, actor, "deployment.freeze", by=actor.label[:254], reason=words)


def thaw(*, org_id: UUID, deployment_id: UUID, actor: Actor) -> Deployment:
    """Let it change again; nothing happens to one that is not frozen."""
    with org_scope(org_id):
        deployment = _locked(org_id, deployment_id)
        if deployment.frozen_at is None:
            return deployment
        return _set(deployment, actor, "deployment.thaw", by="", reason="")


def _set(deployment: Deployment, actor: Actor, action: str, *, by: str, reason: str) -> Deployment:
    org_id = deployment.org_id
    before = {"frozen_by": deployment.frozen_by, "frozen_reason": deployment.frozen_reason}
    rows = Deployment.objects.for_org(org_id).filter(id=deployment.id)
    rows.update(frozen_at=Now() if by else None, frozen_by=by, frozen_reason=reason)
    record(
        org_id=org_id,
        actor=actor,
        action=action,
        target=AuditTarget("deployment", deployment.id, deployment.name),
        before=before,
        after={"frozen_by": by, "frozen_reason": reason},
        deployment_id=deployment.id,
        reason=reason,
    )
    log.info(action, org=str(org_id), deployment=deployment.name, actor=str(actor.id))
    return rows.get()


def _locked(org_id: UUID, deployment_id: UUID) -> Deployment:
    rows = Deployment.objects.for_org(org_id).select_for_update(no_key=True)
    found = rows.filter(id=deployment_id).first()
    if found is None:
        raise NotFoundError("There is no such deployment.")
    return found
