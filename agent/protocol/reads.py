"""What user code asks of the instance."""

from __future__ import annotations

from typing import Any

from agent.protocol.attempts import AttemptRef
from agent.protocol.message import Message


class Read(Message, frozen=True):
    """One call of the instance view made by user code (docs/code-worker.md, Reads), on behalf of an attempt or a location."""

    agent_id: str
    method: str
    args: dict[str, Any] = {}
    run: AttemptRef | None = None
    version_id: str | None = None


class ReadAnswer(Message, frozen=True):
    """The answer as plain JSON."""

    result: Any = None
