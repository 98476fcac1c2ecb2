"""Pausing automation of a deployment and resuming it. What happens meanwhile is kept, and acted on afterwards."""

from uuid import UUID

from django.db.models.functions import Now

from controlplane.automation.models import ConditionEvaluator
from controlplane.core import wakeups
from controlplane.deployments.freezing import require_thawed
from controlplane.deployments.models import Deployment
from tenants.access import Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import NotFoundError
from tenants.scoping import org_scope


def pause(*, org_id: UUID, deployment_id: UUID, actor: Actor) -> ConditionEvaluator:
    """No condition is evaluated from now on; an evaluation that is under way stores nothing. Nothing happens when it is paused."""
    return _set(org_id, deployment_id, actor, paused=True)


def resume(*, org_id: UUID, deployment_id: UUID, actor: Actor) -> ConditionEvaluator:
    """Conditions are evaluated again, with all that has changed meanwhile. Nothing happens when they are."""
    return _set(org_id, deployment_id, actor, paused=False)


def _set(org_id: UUID, deployment_id: UUID, actor: Actor, *, paused: bool) -> ConditionEvaluator:
    with org_scope(org_id):
        require_thawed(org_id, deployment_id)
        deployment = Deployment.objects.for_org(org_id).filter(id=deployment_id).first()
        if deployment is None:
            raise NotFoundError
        row = ConditionEvaluator(org_id=org_id, deployment_id=deployment_id)
        ConditionEvaluator.unscoped.bulk_create([row], ignore_conflicts=True)
        rows = ConditionEvaluator.objects.for_org(org_id).filter(deployment_id=deployment_id)
        held = rows.select_for_update(no_key=True).get()
        if held.is_paused != paused:
            rows.update(
                is_paused=paused,
                paused_by=actor.label[:254] if paused else "",
                paused_at=Now() if paused else None,
                lease_until=None,
            )
            record(
                org_id=org_id,
                actor=actor,
                action="automation.pause" if paused else "automation.resume",
                target=AuditTarget("deployment", deployment.id, deployment.name),
                before={"paused": not paused},
                after={"paused": paused},
                deployment_id=deployment.id,
            )
            wakeups.wake(f"org:{org_id}:automation")
        return rows.get()
