"""Which agent may have the environment of which code location: one that serves it, and no other."""

from uuid import UUID

from agent.protocol import LocationEnvironment
from controlplane.deployments.models import LocationVersion
from controlplane.environment.delivery import environment_for_agent
from controlplane.fleet.models import Agent
from tenants.errors import NotFoundError
from tenants.reach import Reach


def environment_of(*, agent: Agent, reach: Reach, version_id: UUID) -> LocationEnvironment:
    """Values of a location version's variables; NotFoundError unless the agent's queues and its token's reach cover it.

    Call it inside org_scope.
    """
    versions = LocationVersion.objects.for_org(agent.org_id).select_related("location", "location__deployment")
    version = versions.filter(id=version_id, location__queue__in=agent.queues).first()
    if version is None or not reach.covers(
        version.location.deployment.place, location=version.location.name, queue=version.location.queue
    ):
        raise NotFoundError("There is no such location version for this agent.")
    return environment_for_agent(agent.id, version.location, version)
