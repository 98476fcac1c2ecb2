"""Which agents a code location is within reach of: their tokens say."""

from collections.abc import Sequence
from uuid import UUID

from controlplane.deployments.models import CodeLocation
from controlplane.fleet.selectors import AgentView
from tenants.models import ApiToken
from tenants.reach import Reach


def reaching(org_id: UUID, agents: Sequence[AgentView], location: CodeLocation) -> list[AgentView]:
    """Those of the agents whose token reaches the code location (its deployment is read from it); call it inside org_scope.

    A token that is dead reaches nothing.
    """
    ids = {view.agent.token_id for view in agents}
    tokens = ApiToken.objects.for_org(org_id).filter(id__in=ids, revoked_at=None).values_list("id", "reach")
    reaches = {token_id: Reach.parse(stored) for token_id, stored in tokens}
    place, name, queue = location.deployment.place, location.name, location.queue
    return [
        view
        for view in agents
        if (reach := reaches.get(view.agent.token_id)) and reach.covers(place, location=name, queue=queue)
    ]
