"""Events of attempts."""

from __future__ import annotations

from typing import Any

from agent.protocol.message import Message


class Usage(Message, frozen=True):
    """What one step used, measured in the process that ran it. GiB-seconds are the integral of resident memory over time."""

    wall_seconds: float
    cpu_seconds: float
    peak_rss_bytes: int
    gib_seconds: float


class Event(Message, frozen=True):
    """One event of an attempt. `seq` starts at 1 and has no gaps; `ts` is the child's clock, for display only.

    `type` is dagster's event type, or LOG, or one of the agent's own: AGENT_STARTED (data: pid, mode), AGENT_EXITED (data:
    exit_code, signal, cpu_seconds, max_rss_bytes, reason; always the last event of an attempt).
    """

    seq: int
    ts: float
    type: str
    level: int = 20
    step: str | None = None
    message: str = ""
    data: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    usage: Usage | None = None
    serdes: str | None = None


class AttemptEvents(Message, frozen=True):
    """A contiguous stretch of one attempt's events."""

    run_id: str
    attempt: int
    epoch: int
    events: list[Event]


class EventBatch(Message, frozen=True):
    """Events of several attempts in one request."""

    agent_id: str
    attempts: list[AttemptEvents]


class AttemptStored(Message, frozen=True):
    """`stored`: highest contiguous seq now stored. `fenced`: refused, the attempt is not this agent's any more."""

    run_id: str
    attempt: int
    stored: int
    fenced: bool = False


class EventsStored(Message, frozen=True):
    """Answer to an EventBatch, in the same order."""

    attempts: list[AttemptStored]
