"""Launching what conditions requested: the evaluator does so at once; what it left, because it died or the database did, is found here."""

from uuid import UUID

from controlplane.automation import requests
from controlplane.automation.models import RequestedRun
from controlplane.core import recordsets
from tenants.access import Actor, ActorKind

_MAX = 500
_WAITING = """
    SELECT org_id, deployment_id, array_agg(id ORDER BY id) FROM (
        SELECT org_id, deployment_id, id FROM requested_run
        WHERE state = 'pending' AND source = 'evaluation' AND created_at < now() - interval '10 seconds' ORDER BY id LIMIT %s
    ) waiting GROUP BY org_id, deployment_id
"""


def actor(deployment_id: UUID) -> Actor:
    """Who a run that a condition requested says launched it."""
    return Actor(ActorKind.AUTOMATION, deployment_id, "Automation conditions")


def launch(org_id: UUID, deployment_id: UUID, request_ids: list[UUID]) -> int:
    """Make runs of those that are pending; how many."""
    return requests.launch(org_id, request_ids, actor(deployment_id))


def launch_waiting() -> int:
    """Launch what was stored a while ago and is pending still; how many runs that were."""
    RequestedRun.objects.across_orgs(reason="runs that conditions requested and nobody has launched")
    found = recordsets.fetch(_WAITING, [_MAX], using="door")
    return sum(launch(org_id, deployment_id, list(ids)) for org_id, deployment_id, ids in found)
