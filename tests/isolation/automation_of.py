"""What the cast's schedules and sensors have: a tick, and previews that can be applied."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from controlplane.automation.instigators import reconciling
from controlplane.automation.models import Instigator, InstigatorKind, Tick, TickStatus
from controlplane.automation.ticks.asking import version_of
from controlplane.automation.ticks.by_hand import sign_preview, tick_now
from controlplane.deployments.visibility import all_of
from controlplane.dispatch.models import Command
from tenants.scoping import org_scope
from tests.cast import Cast


def automation_of(cast: Cast, location: str) -> dict[str, str]:
    """Parameters by name; the location defines a schedule and a sensor, both called `nightly`."""
    reconciling.reconcile(org_id=cast.org_id, deployment_id=cast.deployment.id)
    rows = {row.kind: row for row in _rows(cast, location)}
    visible = all_of(cast.org_id, cast.deployment.id)
    tick = tick_now(visible, rows[InstigatorKind.SCHEDULE], actor=cast.actor)
    with org_scope(cast.org_id):
        # Far in the future: a sweep leaves it alone, however slow the machine is.
        far = timezone.now() + timedelta(days=1)
        Tick.objects.for_org(cast.org_id).filter(id=tick.id).update(look_at=far, deadline_at=far)
        Command.objects.for_org(cast.org_id).filter(id=tick.command_id).update(expires_at=far)
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


def tick_once(cast: Cast, locations: set[str], word: str) -> dict[str, dict[str, str]]:
    """One tick of each schedule and sensor of these code locations, which says this word wherever user code may say anything.

    Parameters of each, by its name.
    """
    reconciling.reconcile(org_id=cast.org_id, deployment_id=cast.deployment.id)
    with org_scope(cast.org_id):
        rows = list(Instigator.objects.for_org(cast.org_id).filter(deployment_id=cast.deployment.id, open_tick_id=None))
    return {row.name: _ticked(cast, row, word) for row in rows if row.location_name in locations}


def _ticked(cast: Cast, row: Instigator, word: str) -> dict[str, str]:
    tick = tick_now(all_of(cast.org_id, cast.deployment.id), row, actor=cast.actor)
    said = {"log": f"{word}log", "skip_reason": f"{word}message", "cursor_before": word, "cursor_after": word}
    lists = {"dynamic_partitions": [{"op": "add", "name": word, "keys": [word]}], "error": {"message": word}}
    with org_scope(cast.org_id):
        Tick.objects.for_org(cast.org_id).filter(id=tick.id).update(status=TickStatus.SKIPPED, **said, **lists)
        Instigator.objects.for_org(cast.org_id).filter(id=row.id).update(cursor=word, last_run_key=word)
    return {"instigator_id": str(row.id), "tick_id": str(tick.id)}
