"""Exceptions of user code, as data."""

from __future__ import annotations

from agent.protocol.message import Message

# `ErrorInfo.cls` of a call that ended with the agent's process: nothing is known of user code, and it may be asked again.
AGENT_RESTARTED = "AgentRestartedError"


class ErrorInfo(Message, frozen=True):
    """A user's exception as data."""

    message: str
    cls: str | None = None
    stack: list[str] = []
    cause: ErrorInfo | None = None
    context: ErrorInfo | None = None
