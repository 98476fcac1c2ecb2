"""Blocking one agent, and letting it in again. Its token goes on serving the others that registered with it."""

from uuid import UUID

from tenants.access import Actor
from tenants.audit.services import AuditTarget, record
from tenants.credentials.models import BlockedAgent
from tenants.errors import ConflictError, InvalidError
from tenants.scoping import org_scope
from tenants.token_changes import tokens_changed

_MAX_REASON = 500


def block_agent(*, org_id: UUID, agent_id: UUID, name: str, actor: Actor, reason: str = "") -> BlockedAgent:
    """Refuse the agent from now on; within five seconds its credential is dead and its poll has ended. ConflictError when it is blocked."""
    if len(reason) > _MAX_REASON:
        raise InvalidError(f"A reason is at most {_MAX_REASON} characters.", attr="reason")
    with org_scope(org_id):
        row = BlockedAgent(org_id=org_id, agent_id=agent_id, blocked_by=actor.label[:254], reason=reason.strip())
        if BlockedAgent.objects.for_org(org_id).filter(agent_id=agent_id).exists():
            raise ConflictError(f"{name} is blocked already.")
        BlockedAgent.unscoped.bulk_create([row], ignore_conflicts=True)
        record(
            org_id=org_id,
            actor=actor,
            action="agent.block",
            target=AuditTarget("agent", agent_id, name),
            reason=row.reason,
        )
        tokens_changed(org_id)
    return row


def unblock_agent(*, org_id: UUID, agent_id: UUID, name: str, actor: Actor) -> None:
    """Let the agent register again; ConflictError when it is not blocked."""
    with org_scope(org_id):
        deleted, _ = BlockedAgent.objects.for_org(org_id).filter(agent_id=agent_id).delete()
        if not deleted:
            raise ConflictError(f"{name} is not blocked.")
        record(org_id=org_id, actor=actor, action="agent.unblock", target=AuditTarget("agent", agent_id, name))
