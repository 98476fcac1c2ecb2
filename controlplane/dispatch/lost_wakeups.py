"""The guarantee behind the wake-ups: every two seconds a process asks where work waits and whose token is dead, and wakes those polls."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog
from django.db import DatabaseError

from controlplane.core.listening import Listener
from controlplane.core.threads import in_pool
from controlplane.dispatch.selectors import WaitingWork, refused_callers, waiting_work
from controlplane.dispatch.threads import POLLS

log = structlog.get_logger(__name__)

# What a lost wake-up costs at most.
SWEEP_SECONDS = 2.0


@dataclass(frozen=True)
class HeldPoll:
    """A poll that waits: whose it is, and whether runs would concern it."""

    listener: Listener
    org_id: UUID
    agent_id: UUID
    token_id: UUID
    # Empty without a free slot.
    queues: frozenset[str]


class HeldPolls:
    """The held polls of one event loop; sweeps while there are any."""

    def __init__(self) -> None:
        self._held: dict[Listener, HeldPoll] = {}
        self._sweeping: asyncio.Task[None] | None = None

    @contextmanager
    def holding(self, poll: HeldPoll) -> Iterator[None]:
        self._held[poll.listener] = poll
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = asyncio.create_task(self._sweep())
        try:
            yield
        finally:
            del self._held[poll.listener]

    async def _sweep(self) -> None:
        while self._held:
            await asyncio.sleep(SWEEP_SECONDS)
            held = list(self._held.values())
            tokens, agents = {poll.token_id for poll in held}, {poll.agent_id for poll in held}
            try:
                work = await in_pool(POLLS, waiting_work)
                refused = await in_pool(POLLS, refused_callers, tokens, agents)
            except DatabaseError as error:
                log.warning("poll.sweep_failed", error=str(error))
            else:
                self._wake(work, refused)

    def _wake(self, work: WaitingWork, refused: frozenset[UUID]) -> None:
        for poll in self._held.values():
            if {poll.token_id, poll.agent_id} & refused or work.concerns(
                org_id=poll.org_id, agent_id=poll.agent_id, queues=poll.queues
            ):
                poll.listener.wake()


_held_polls: WeakKeyDictionary[asyncio.AbstractEventLoop, HeldPolls] = WeakKeyDictionary()


def held_polls() -> HeldPolls:
    """Those of the running event loop."""
    return _held_polls.setdefault(asyncio.get_running_loop(), HeldPolls())
