"""Which agents are blocked."""

from uuid import UUID

from tenants.credentials.models import BlockedAgent


def is_blocked(org_id: UUID, agent_id: UUID) -> bool:
    """Whether this agent is refused; call it inside org_scope."""
    return BlockedAgent.objects.for_org(org_id).filter(agent_id=agent_id).exists()
