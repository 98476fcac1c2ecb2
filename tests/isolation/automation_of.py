"""What the cast's schedules and sensors have: a tick, and previews that can be applied."""

from typing import Any

from django.utils import timezone

from controlplane.automation.instigators import reconciling
from controlplane.automation.models import Instigator, InstigatorKind
from controlplane.automation.ticks.asking import version_of
from controlplane.automation.ticks.by_hand import sign_preview, tick_now
from controlplane.deployments.visibility import all_of
from tenants.scoping import org_scope
from tests.cast import Cast


def automation_of(cast: Cast, location: str) -> dict[str, str]:
    """Parameters by name; the location defines a schedule and a sensor, both called `nightly`."""
    reconciling.reconcile(org_id=cast.org_id, deployment_id=cast.deployment.id)
    rows = {row.kind: row for row in _rows(cast, location)}
    visible = all_of(cast.org_id, cast.deployment.id)
    tick = tick_now(visible, rows[InstigatorKind.SCHEDULE], actor=cast.actor)
    tokens = {f"{kind}_token": _token(cast, row) for kind, row in rows.items()}
    ids = {"instigator_id": rows[InstigatorKind.SCHEDULE].id, "sensor_id": rows[InstigatorKind.SENSOR].id}
    return {"tick_id": str(tick.id), **{name: str(one) for name, one in ids.items()}, **tokens}


def _rows(cast: Cast, location: str) -> list[Instigator]:
    with org_scope(cast.org_id):
        return list(Instigator.objects.for_org(cast.org_id).filter(location_name=location))


def _token(cast: Cast, row: Instigator) -> str:
    with org_scope(cast.org_id):
        version_id = version_of(cast.org_id, row)
    assert version_id is not None, "the location has loaded"
    result: dict[str, Any] = {"requests": [], "cursor": "7"}
    return sign_preview(row.id, version_id, at=timezone.now(), cursor=None, result=result)


def tick_once(cast: Cast) -> None:
    """One tick of each schedule and sensor of the deployment."""
    reconciling.reconcile(org_id=cast.org_id, deployment_id=cast.deployment.id)
    with org_scope(cast.org_id):
        rows = list(Instigator.objects.for_org(cast.org_id).filter(deployment_id=cast.deployment.id, open_tick_id=None))
    for row in rows:
        tick_now(all_of(cast.org_id, cast.deployment.id), row, actor=cast.actor)
