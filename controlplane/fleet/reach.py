"""Which agents a code location is within reach of: their tokens say."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from controlplane.deployments.models import CodeLocation
from controlplane.fleet.selectors import AgentView
from tenants.models import ApiToken
from tenants.reach import Reach


def reaching(org_id: UUID, agents: Sequence[AgentView], location: CodeLocation) -> list[AgentView]:
    """Those of the agents whose token reaches the code location (its deployment is read from it); call it inside org_scope.

    A token that is dead reaches nothing.
    """
    reaches = live_reaches(org_id, agents)
    place, name, queue = location.deployment.place, location.name, location.queue
    return [
        view
        for view in agents
        if (reach := reaches.get(view.agent.token_id)) and reach.covers(place, location=name, queue=queue)
    ]


def live_reaches(org_id: UUID, agents: Iterable[AgentView]) -> dict[UUID, Reach]:
    """By token, of those of the agents that are alive. Call it inside org_scope."""
    ids = {view.agent.token_id for view in agents}
    alive = Q(expires_at=None) | Q(expires_at__gt=Now())
    tokens = ApiToken.objects.for_org(org_id).filter(alive, id__in=ids, revoked_at=None)
    return {token_id: Reach.parse(stored) for token_id, stored in tokens.values_list("id", "reach")}
