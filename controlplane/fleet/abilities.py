"""What an agent can do, by the protocol it speaks: an older one is not given what it would load wrongly."""

from controlplane.fleet.models import Agent

# Source archives, and keeping the agent's own environment from code of strangers.
_SOURCES_AND_ISOLATION = (1, 2)


def inability(agent: Agent, *, from_source: bool, isolated: bool) -> str:
    """Why this agent cannot serve such code, for people; empty when it can."""
    if _protocol(agent) >= _SOURCES_AND_ISOLATION:
        return ""
    if isolated:
        return f"agent {agent.agent_version} cannot keep its own environment from code of a fork; upgrade it"
    return f"agent {agent.agent_version} cannot load source archives; upgrade it" if from_source else ""


def _protocol(agent: Agent) -> tuple[int, ...]:
    return tuple(int(part) for part in agent.protocol_version.split(".") if part.isdigit())
