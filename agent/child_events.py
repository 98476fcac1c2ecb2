"""Checking events as children send them, so that one bad event cannot make a whole batch undeliverable."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agent.protocol import Usage
from agent.spool import NewEvent

# The child keeps its events below 1 MB; what is far above that is not from our code worker.
LONGEST_EVENT = 4 * 1024 * 1024


class InvalidEventError(ValueError):
    """An event that the control plane could not store."""


class ChildEvent(msgspec.Struct):
    """An event before the agent adds its seq (docs/code-worker.md, Shapes)."""

    ts: float
    type: Annotated[str, msgspec.Meta(pattern="^[A-Z][A-Z_]{0,63}$")]
    level: int = 20
    step: str | None = None
    message: str = ""
    data: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    usage: Usage | None = None
    serdes: str | None = None


_requests = msgspec.json.Decoder(list[msgspec.Raw])
_events = msgspec.json.Decoder(ChildEvent)


def checked_events(args: msgspec.Raw) -> list[NewEvent]:
    """Answer the events untouched, if all of them are well formed; raise otherwise."""
    return [_checked(bytes(raw).strip()) for raw in _requests.decode(args)]


def _checked(body: bytes) -> NewEvent:
    if len(body) > LONGEST_EVENT:
        raise InvalidEventError(f"an event of {len(body):,} bytes is too long")
    event = _events.decode(body)
    if event.type.startswith("AGENT_"):
        raise InvalidEventError(f"{event.type} is an event of the agent itself")
    return NewEvent(type=event.type, body=body)
