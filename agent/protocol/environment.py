"""Environment variables of code locations."""

from __future__ import annotations

from agent.protocol.message import Message


class EnvironmentAsk(Message, frozen=True):
    """What is the environment of this location version? Answered for versions of this agent's queues only (else 404)."""

    agent_id: str
    version_id: str


class SecretReference(Message, frozen=True):
    """A secret that the agent looks up itself: `store` is aws_secrets_manager, vault or kubernetes."""

    store: str
    secret: str


class EnvironmentVariable(Message, frozen=True):
    """One variable: exactly one of `value`, `reference` and `box` (sealed to this agent's key) is set. None: sealed, but not to us."""

    name: str
    value: str | None = None
    reference: SecretReference | None = None
    box: str | None = None
    masked: bool = False

    def __repr__(self) -> str:
        return f"EnvironmentVariable(name={self.name!r})"


class LocationEnvironment(Message, frozen=True):
    """Every variable that processes of one location version get beside the agent's own environment. Kept in memory only."""

    fingerprint: str
    variables: list[EnvironmentVariable]
