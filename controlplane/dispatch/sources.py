"""Which agent may have which source archive: one that serves a code location made of it, and no other."""

from controlplane.deployments import source_archives
from controlplane.deployments.models import LocationVersion
from controlplane.dispatch.callers import Caller, agent_of_credential
from controlplane.fleet.models import Agent
from tenants.errors import NotFoundError
from tenants.reach import Reach
from tenants.scoping import org_scope


def archive_for_agent(caller: Caller, sha256: str) -> bytes:
    """The bytes; NotFoundError unless the agent's queues and its token's reach cover a code location with a version made of it."""
    with org_scope(caller.org.id):
        agent = agent_of_credential(caller)
        if not _serves(agent, caller.reach, sha256):
            raise NotFoundError("There is no such source archive for this agent.")
    return source_archives.content(caller.org.id, sha256)


def _serves(agent: Agent, reach: Reach, sha256: str) -> bool:
    versions = LocationVersion.objects.for_org(agent.org_id).filter(source_sha256=sha256)
    of_queues = versions.filter(location__queue__in=agent.queues).select_related("location", "location__deployment")
    locations = {version.location_id: version.location for version in of_queues}
    return any(
        reach.covers(location.deployment.place, location=location.name, queue=location.queue)
        for location in locations.values()
    )
