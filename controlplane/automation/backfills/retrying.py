"""Making again exactly what a backfill did not make: a new backfill, linked to the first, of what failed or never came."""

from collections.abc import Mapping, Sequence
from typing import Any

from controlplane.automation.backfills import requesting
from controlplane.automation.backfills.progress import locked
from controlplane.automation.backfills.requesting import BackfillRequest, require_on_job
from controlplane.automation.backfills.selectors import require_on
from controlplane.automation.backfills.targets import JOB, Targets
from controlplane.automation.models import Backfill, BackfillKind
from controlplane.core import recordsets
from controlplane.deployments.freezing import require_thawed
from controlplane.deployments.visibility import Visible
from controlplane.runs.requests import PRIORITY_TAG
from tenants.access import Actor
from tenants.errors import ConflictError, InvalidError
from tenants.organizations import require_writable
from tenants.permissions import Permission
from tenants.scoping import org_scope

# What somebody has made since by other means is not made again.
_NOT_MADE = """
    SELECT p.asset_key, p.position, p.partition_key FROM backfill_partition p
    LEFT JOIN partition_state s ON p.partition_key <> '' AND s.org_id = p.org_id AND s.deployment_id = %(deployment)s
         AND s.asset_key = p.asset_key AND s.partition_key = p.partition_key
    LEFT JOIN asset_state a ON p.partition_key = '' AND a.org_id = p.org_id AND a.deployment_id = %(deployment)s
         AND a.asset_key = p.asset_key
    WHERE p.org_id = %(org)s AND p.backfill_id = %(backfill)s AND p.state IN ('failed', 'canceled', 'skipped')
      AND coalesce(s.materialized_at, a.materialized_at, '-infinity') < %(since)s
    ORDER BY p.asset_key, p.position
"""


def not_made(backfill: Backfill) -> dict[str, list[tuple[int, str]]]:
    """What it failed to make and nobody made since, by asset. Call it inside org_scope."""
    place: dict[str, Any] = {"org": backfill.org_id, "deployment": backfill.deployment_id, "backfill": backfill.id}
    found: dict[str, list[tuple[int, str]]] = {}
    for asset, position, key in recordsets.fetch(_NOT_MADE, {**place, "since": backfill.created_at}):
        found.setdefault(asset, []).append((position, key))
    return found


def retry(visible: Visible, backfill: Backfill, *, actor: Actor) -> Backfill:
    """Start it. ConflictError while the first goes on, InvalidError when there is nothing to retry."""
    require_on(visible, Permission.BACKFILL_LAUNCH, backfill)
    with org_scope(visible.org_id):
        require_writable(visible.org_id)
        require_thawed(visible.org_id, visible.deployment_id)
        # Two who retry at once make it once: the second finds what the first asked for.
        locked(visible.org_id, backfill.id)
        _refuse_second(backfill)
        if backfill.ended_at is None:
            raise ConflictError("The backfill goes on: wait until it is over, or cancel it, and retry then.")
        found = _defined(visible, backfill, not_made(backfill))
        if not found:
            raise InvalidError(
                "There is nothing to retry: all that it was to make has been made, or is not defined any more."
            )
        asked = BackfillRequest(
            assets=() if backfill.job_name else list(found),
            location=backfill.location_name,
            job=backfill.job_name,
            title=backfill.title,
            description=backfill.description,
            tags={name: value for name, value in backfill.tags.items() if name != PRIORITY_TAG},
            run_config=backfill.run_config,
            priority=backfill.priority,
        )
        return requesting.start(
            visible, asked, Targets(found), selection={"retry": str(backfill.id)}, actor=actor, parent_id=backfill.id
        )


def _refuse_second(backfill: Backfill) -> None:
    going_on = Backfill.objects.for_org(backfill.org_id).filter(parent_id=backfill.id, ended_at=None)
    if going_on.exists():
        raise ConflictError("A retry of this backfill goes on already: look at that one.")


def _defined(
    visible: Visible, backfill: Backfill, found: Mapping[str, Sequence[tuple[int, str]]]
) -> dict[str, Sequence[tuple[int, str]]]:
    """What the code defines still. Partitions that it lost are told by the new backfill."""
    if backfill.kind == BackfillKind.JOB:
        # What the job makes by now, not what it made then.
        require_on_job(visible, backfill.location_name, backfill.job_name)
        return {JOB: found[JOB]} if JOB in found else {}
    return {key: rows for key, rows in found.items() if key in visible.whole.graph.nodes}
