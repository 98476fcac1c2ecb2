"""What the audit log says of agents: which came, which took the place of another process, which left."""

from agent.protocol import Register
from controlplane.fleet.models import Agent
from tenants.access import Actor, ActorKind
from tenants.audit.services import AuditTarget, record


def note_registration(agent: Agent, message: Register, *, is_new: bool, address: str) -> None:
    """A process registers; `agent` is what was known before. The same process once more (it lost us for a while) is no news."""
    if agent.boot_id == message.boot_id and not is_new:
        return
    superseded = not is_new and agent.stopped_at is None
    record(
        org_id=agent.org_id,
        actor=_actor(agent, address),
        action="agent.supersede" if superseded else "agent.register",
        target=AuditTarget("agent", agent.id, agent.name),
        before=None if is_new else _facts(agent.host, agent.agent_version, agent.queues),
        after=_facts({"hostname": message.host.hostname}, message.agent_version, message.queues),
        reason="It took the place of a process of the same name that had not said goodbye." if superseded else "",
    )


def note_goodbye(agent: Agent, *, address: str) -> None:
    """An agent's process stops by itself."""
    record(
        org_id=agent.org_id,
        actor=_actor(agent, address),
        action="agent.goodbye",
        target=AuditTarget("agent", agent.id, agent.name),
    )


def _actor(agent: Agent, address: str) -> Actor:
    return Actor(ActorKind.AGENT, id=agent.id, label=agent.name, address=address)


def _facts(host: dict[str, object], agent_version: str, queues: list[str]) -> dict[str, object]:
    return {"hostname": host.get("hostname"), "agent_version": agent_version, "queues": sorted(queues)}
