"""Launching what conditions requested: the evaluator does so at once; what it left, because it died or the database did, is found here."""

from uuid import UUID

import structlog

from controlplane.automation import requests
from controlplane.automation.models import RequestedRun, RequestSource, RequestState
from controlplane.automation.requests import LAUNCHABLE
from controlplane.core import recordsets
from tenants.access import Actor, ActorKind
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

_MAX = 500
# Deployments take turns: what cannot be launched in one keeps none of another waiting.
_WAITING = f"""
    SELECT org_id, deployment_id, array_agg(id ORDER BY id) FROM (
        SELECT org_id, deployment_id, id, row_number() OVER (PARTITION BY org_id, deployment_id ORDER BY id) AS turn
        FROM requested_run
        WHERE state = 'pending' AND source = 'evaluation' AND {LAUNCHABLE} AND created_at < now() - interval '10 seconds'
        ORDER BY turn, random() LIMIT %s
    ) waiting GROUP BY org_id, deployment_id
"""  # noqa: S608 - the part is SQL of this repository


def actor(deployment_id: UUID) -> Actor:
    """Who a run that a condition requested says launched it."""
    return Actor(ActorKind.AUTOMATION, deployment_id, "Automation conditions")


def launch(org_id: UUID, deployment_id: UUID, request_ids: list[UUID]) -> int:
    """Make runs of those that are pending; how many."""
    return requests.launch(org_id, request_ids, actor(deployment_id))


def launch_left(org_id: UUID, deployment_id: UUID) -> bool:
    """Launch what an evaluation before this one requested and left; whether nothing is pending any more."""
    with org_scope(org_id):
        pending = RequestedRun.objects.for_org(org_id).filter(
            deployment_id=deployment_id, source=RequestSource.EVALUATION, state=RequestState.PENDING
        )
        left = list(pending.order_by("id").values_list("id", flat=True)[:_MAX])
    if not left:
        return True
    launch(org_id, deployment_id, left)
    with org_scope(org_id):
        return not pending.all().exists()


def launch_waiting() -> int:
    """Launch what was stored a while ago and is pending still; how many runs that were."""
    RequestedRun.objects.across_orgs(reason="runs that conditions requested and nobody has launched")
    found = recordsets.fetch(_WAITING, [_MAX], using="door")
    return sum(_launch_apart(org_id, deployment_id, list(ids)) for org_id, deployment_id, ids in found)


def _launch_apart(org_id: UUID, deployment_id: UUID, request_ids: list[UUID]) -> int:
    try:
        return launch(org_id, deployment_id, request_ids)
    except Exception:
        # Whatever one deployment's runs cannot be launched for, those of the others are.
        log.exception("conditions.not_launched", org=str(org_id), deployment=str(deployment_id))
        return 0
