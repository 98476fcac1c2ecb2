"""Making one EventBatch out of several spools, without decoding the events in it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from agent.protocol import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.attempt import Attempt
    from agent.spool import Stretch


@dataclass(frozen=True)
class Part:
    """What a batch holds of one attempt."""

    attempt: Attempt
    stretch: Stretch


class _AttemptEvents(Message, frozen=True):
    run_id: str
    attempt: int
    epoch: int
    events: list[msgspec.Raw]


class _EventBatch(Message, frozen=True):
    agent_id: str
    attempts: list[_AttemptEvents]


class _Outline(msgspec.Struct):
    ts: float = 0.0
    type: str = "LOG"
    step: str | None = None


def take_batch(dirty: dict[str, Attempt], *, most_events: int, most_bytes: int) -> list[Part]:
    """Take from each attempt in turn; who was served goes to the end, who has nothing left is told so and leaves."""
    parts: list[Part] = []
    for attempt in list(dirty.values()):
        if most_events <= 0 or most_bytes <= 0:
            break
        del dirty[attempt.id]
        if attempt.dropped.is_set():
            continue
        stretch = attempt.spool.read(most_events=most_events, most_bytes=most_bytes)
        if stretch is None:
            attempt.shipped.set()
            continue
        dirty[attempt.id] = attempt
        parts.append(Part(attempt, stretch))
        most_events -= len(stretch.events)
        most_bytes -= sum(map(len, stretch.events))
    return parts


def encode_batch(agent_id: str, parts: list[Part], refused: Mapping[tuple[str, int], str]) -> bytes:
    """The body of an EventBatch. `refused` says, by attempt and seq, which events the control plane never takes, and why."""
    attempts = [
        _AttemptEvents(
            run_id=part.attempt.ref.run_id,
            attempt=part.attempt.ref.attempt,
            epoch=part.attempt.ref.epoch,
            events=[msgspec.Raw(event) for event in _with_stubs(part, refused)],
        )
        for part in parts
    ]
    return msgspec.json.encode(_EventBatch(agent_id=agent_id, attempts=attempts))


def _with_stubs(part: Part, refused: Mapping[tuple[str, int], str]) -> list[bytes]:
    events = part.stretch.events
    if not refused:
        return events
    numbered = enumerate(events, part.stretch.first_seq)
    return [_stub(event, seq, refused.get((part.attempt.id, seq))) for seq, event in numbered]


def _stub(event: bytes, seq: int, reason: str | None) -> bytes:
    """Stand in for an event that the control plane refused, so that what follows it is not held up for ever."""
    if reason is None:
        return event
    outline = msgspec.json.decode(event, type=_Outline)
    message = f"An event of {len(event):,} bytes could not be stored: {reason}"
    stub = {
        "ts": outline.ts or time.time(),
        "type": outline.type,
        "step": outline.step,
        "level": 40,
        "message": message,
    }
    return msgspec.json.encode({**stub, "seq": seq})
