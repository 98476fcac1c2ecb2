"""The loop that ships events: small batches, at once when the state of a step or run changes, never out of order."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from agent import log
from agent.company import linger
from agent.event_batch import Part, encode_batch, take_batch
from agent.retry import Backoff, ControlPlaneError, is_retryable
from agent.spool import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.attempt import Attempt
    from agent.client import Client
    from agent.identity import Identity
    from agent.protocol import AttemptStored

MOST_EVENTS = 500
MOST_BYTES = 256 * 1024
# A batch of no more than this leaves room for others: the next one waits for company. A flood never waits.
FEW_EVENTS = 100
FEW_BYTES = 64 * 1024
# Seconds a change of a step's state waits for company, so that a quick run is a few requests; the end of a run waits for nobody.
STATE_LINGER = 0.03
_STATES = frozenset(
    {
        "PIPELINE_START",
        "PIPELINE_CANCELING",
        "STEP_START",
        "STEP_SUCCESS",
        "STEP_FAILURE",
        "STEP_SKIPPED",
        "STEP_UP_FOR_RETRY",
        "STEP_RESTARTED",
        "AGENT_EXITED",
    }
)
_TOO_MUCH = frozenset({HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})


class EventShipper:
    """One request at a time; while it is under way the next batch grows."""

    def __init__(
        self,
        *,
        client: Client,
        identity: Identity,
        attempts: Callable[[], list[Attempt]],
        on_fenced: Callable[[Attempt], None],
    ) -> None:
        self._client = client
        self._identity = identity
        self._attempts = attempts
        self._on_fenced = on_fenced
        self._dirty: dict[str, Attempt] = {}
        self._due: float | None = None
        self._nudged = asyncio.Event()
        self._most_events = MOST_EVENTS
        self._backoff = Backoff()
        # Events the control plane refused for good, with its reason: a stub takes their place and their seq.
        self._refused: dict[tuple[str, int], str] = {}

    def notify(self, attempt: Attempt, types: Sequence[str]) -> None:
        """Something new is in the attempt's spool (or may be: then `shipped` is set)."""
        self._dirty[attempt.id] = attempt
        due = asyncio.get_running_loop().time() + self._linger(types)
        if self._due is None or due < self._due:
            self._due = due
            self._nudged.set()

    async def run(self) -> None:
        while True:
            await self._wait_until_due()
            while parts := take_batch(self._dirty, most_events=self._most_events, most_bytes=MOST_BYTES):
                await self._ship(parts)
                if _are_few(parts):
                    await asyncio.sleep(linger(len(self._attempts())))

    def _linger(self, types: Sequence[str]) -> float:
        if not types or any(event_type in TERMINAL for event_type in types):
            return 0.0
        return STATE_LINGER if any(event_type in _STATES for event_type in types) else self._identity.timing.event_flush

    async def _wait_until_due(self) -> None:
        loop = asyncio.get_running_loop()
        while self._due is None or loop.time() < self._due:
            self._nudged.clear()
            try:
                async with asyncio.timeout_at(self._due):
                    await self._nudged.wait()
            except TimeoutError:
                break
        self._due = None

    async def _ship(self, parts: list[Part]) -> None:
        try:
            stored = await self._client.events(encode_batch(self._identity.agent_id, parts, self._refused))
        except Exception as error:
            if isinstance(error, ControlPlaneError) and self._learn(error, parts):
                return
            if not is_retryable(error) and not isinstance(error, ControlPlaneError):
                raise
            await self._backoff.failed(error, doing="sending events")
            return
        await self._note_stored(parts, stored.attempts)

    async def _note_stored(self, parts: list[Part], answers: list[AttemptStored]) -> None:
        moved = False
        for part, answer in zip(parts, answers, strict=False):
            before = part.attempt.spool.acknowledged
            if answer.fenced:
                self._fenced(part.attempt)
            elif self._dirty.get(part.attempt.id) is part.attempt:
                part.attempt.spool.acknowledge(part.stretch, answer.stored)
            moved = moved or answer.fenced or part.attempt.spool.acknowledged != before
        if moved:
            self._backoff.succeeded()
            self._most_events = min(MOST_EVENTS, self._most_events * 2)
        else:
            await self._backoff.failed(
                RuntimeError("the control plane stored nothing of a batch"), doing="sending events"
            )

    def _learn(self, error: ControlPlaneError, parts: list[Part]) -> bool:
        """React to a refusal: look for the event it is about, or drop the one attempt that is fenced."""
        count = sum(len(part.stretch.events) for part in parts)
        if error.status == HTTPStatus.CONFLICT and len(parts) == 1:
            self._fenced(parts[0].attempt)
        elif count > 1 and error.status in _TOO_MUCH | {HTTPStatus.CONFLICT}:
            self._most_events = max(1, count // 2)
        elif error.status in _TOO_MUCH:
            key = (parts[0].attempt.id, parts[0].stretch.first_seq)
            if key in self._refused:
                return False
            self._refused[key] = error.detail
            log.error("event.refused", attempt=key[0], seq=key[1], error=str(error))
        else:
            return False
        return True

    def _fenced(self, attempt: Attempt) -> None:
        self._dirty.pop(attempt.id, None)
        self._on_fenced(attempt)


def _are_few(parts: list[Part]) -> bool:
    events = [event for part in parts for event in part.stretch.events]
    return len(events) <= FEW_EVENTS and sum(map(len, events)) <= FEW_BYTES
