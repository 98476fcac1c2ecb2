"""Acknowledging that an asset is unwell: who knows, and why. It holds until the causes change."""

from controlplane.catalog.asset_health import Health
from controlplane.catalog.health_selectors import with_health
from controlplane.catalog.models import HealthAcknowledgement
from controlplane.catalog.selectors import asset
from controlplane.deployments.freezing import require_thawed
from controlplane.deployments.visibility import Visible
from tenants.access import Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, InvalidError
from tenants.permissions import Permission
from tenants.scoping import org_scope

REASON_MAX = 500


def acknowledge(*, visible: Visible, key: str, reason: str, actor: Actor) -> Health:
    """The asset's health with the acknowledgement. InvalidError without a reason, ConflictError when there is nothing to acknowledge."""
    text = reason.strip()
    if not text or len(text) > REASON_MAX or "\0" in text:
        raise InvalidError(f"Say why, in at most {REASON_MAX} characters.", attr="reason")
    [view] = with_health(visible, [asset(visible, key)])
    visible.require(Permission.ASSET_REPORT, assets=[key])
    if view.health is None or not view.health.is_unwell:
        raise ConflictError(f"{key} is neither in warning nor degraded: there is nothing to acknowledge.")
    with org_scope(visible.org_id):
        require_thawed(visible.org_id, visible.deployment_id)
        HealthAcknowledgement.objects.for_org(visible.org_id).update_or_create(
            deployment_id=visible.deployment_id,
            asset_key=key,
            defaults={"mark": view.health.mark, "reason": text, "by": actor.label},
            create_defaults={
                "org_id": visible.org_id, "mark": view.health.mark, "reason": text, "by": actor.label,
            },
        )  # fmt: skip
        _record(visible, key, actor, "health.acknowledge", {"status": view.health.status.value, "reason": text})
    [view] = with_health(visible, [asset(visible, key)])
    assert view.health is not None  # with_health gives one to each
    return view.health


def withdraw(*, visible: Visible, key: str, actor: Actor) -> None:
    """Take an acknowledgement back; nothing happens when there is none."""
    asset(visible, key)
    visible.require(Permission.ASSET_REPORT, assets=[key])
    with org_scope(visible.org_id):
        require_thawed(visible.org_id, visible.deployment_id)
        rows = HealthAcknowledgement.objects.for_org(visible.org_id)
        gone, _ = rows.filter(deployment_id=visible.deployment_id, asset_key=key).delete()
        if gone:
            _record(visible, key, actor, "health.withdraw", {})


def _record(visible: Visible, key: str, actor: Actor, action: str, after: dict[str, str]) -> None:
    record(
        org_id=visible.org_id,
        actor=actor,
        action=action,
        target=AuditTarget("asset", key, key),
        after=after,
        deployment_id=visible.deployment_id,
    )
