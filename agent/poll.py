"""The loop that asks for work: a long poll, answered at once, repeated at once; commands are durable before they are accepted."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING

from agent import log, machine
from agent.changes import first_of
from agent.company import LONGEST
from agent.protocol import Poll, Work
from agent.retry import Backoff, ControlPlaneError, describe, is_fatal, is_retryable, needs_registering

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from agent.attempts import Attempts
    from agent.client import Client
    from agent.disk import Disk
    from agent.dispatch import Dispatcher
    from agent.identity import Identity
    from agent.locations import Locations

# Seconds. An empty answer that comes sooner than this was no long poll: do not spin.
SUSPICIOUSLY_FAST = 0.05
SPIN_WAIT = 0.5
# While all slots were taken, the first that is free waits until this part of them is, or for company.LONGEST: one poll brings work for all.
_WORTH_ASKING = 4


class Poller:
    """Keeps one poll open; opens another when what it said about us is not true any more."""

    def __init__(
        self,
        *,
        client: Client,
        identity: Identity,
        attempts: Attempts,
        locations: Locations,
        dispatcher: Dispatcher,
        disk: Disk,
        slots: int,
        register: Callable[[], Awaitable[None]],
    ) -> None:
        self.draining = False
        self.last_success: float | None = None
        self._client = client
        self._identity = identity
        self._attempts = attempts
        self._locations = locations
        self._dispatcher = dispatcher
        self._disk = disk
        self._slots = slots
        self._register = register
        self._accepted: dict[str, None] = {}
        self._backoff = Backoff()

    async def run(self) -> None:
        while True:
            try:
                await self._poll()
            except Exception as error:  # noqa: BLE001 - a loop's edge: `_failed` raises what is not of the outside world
                await self._failed(error)
            else:
                self._backoff.succeeded()

    def drain(self) -> None:
        """Take no new work from now on; cancels still arrive."""
        self.draining = True
        self._attempts.changes.notify()

    @property
    def free_slots(self) -> int:
        if self.draining or self._disk.low:
            return 0
        return max(0, self._slots - self._attempts.running)

    async def _poll(self) -> None:
        said, draining, asked_at = self.free_slots, self.draining, machine.now()
        message = self._message(said)
        request = asyncio.create_task(self._client.poll(message, wait=self._identity.timing.poll_wait))
        outdated = self._attempts.changes.until(
            lambda: self.draining != draining or (said == 0 and self.free_slots > 0)
        )
        try:
            await first_of(request, outdated)
            if not request.done():
                await first_of(request, self._attempts.changes.until(self._is_worth_asking), timeout=LONGEST)
            if not request.done():
                return
            await self._answered(request.result(), message, asked_at)
        finally:
            request.cancel()
            with contextlib.suppress(BaseException):
                await request

    def _is_worth_asking(self) -> bool:
        return self.draining or self.free_slots * _WORTH_ASKING >= self._slots

    def _message(self, free_slots: int) -> Poll:
        return Poll(
            agent_id=self._identity.agent_id,
            boot_id=self._identity.boot_id,
            free_slots=free_slots,
            accepted=list(self._accepted),
            desired_etag=self._locations.etag,
            draining=self.draining,
            spooled_events=self._attempts.pending_events,
        )

    async def _answered(self, work: Work, message: Poll, asked_at: float) -> None:
        for command_id in message.accepted:
            self._accepted.pop(command_id, None)
        took = machine.now() - asked_at
        self.last_success = machine.now()
        if work.timing is not None:
            self._identity.set_timing(work.timing)
        if work.credential is not None:
            self._client.use_credential(work.credential)
        if work.desired is not None:
            self._locations.reconcile(work.desired)
        if work.commands:
            renewed_at = self._lease_begin(asked_at, took)
            taken = self._dispatcher.take(work.commands, renewed_at=renewed_at, draining=self.draining)
            self._accepted.update(dict.fromkeys(taken))
        elif work.desired is None and took < SUSPICIOUSLY_FAST:
            await asyncio.sleep(random.uniform(0, SPIN_WAIT))  # noqa: S311 - jitter, not secrecy

    def _lease_begin(self, asked_at: float, took: float) -> float:
        """Answer when the lease of a launch began at the latest for sure.

        Normally that is now. When the answer took longer than any poll may, it may be old: we were stopped, or the network was.
        """
        timing = self._identity.timing
        return asked_at if took > timing.poll_wait + timing.lease / 3 else asked_at + took

    async def _failed(self, error: Exception) -> None:
        """Wait, or raise what no waiting cures. With a dead token, attempts go on until their leases end."""
        if is_fatal(error) and not self._attempts.all():
            raise error
        if needs_registering(error):
            log.warning("agent.unknown", reason=describe(error), effect="registering again")
            await self._register()
        elif not is_retryable(error) and not isinstance(error, ControlPlaneError):
            raise error
        await self._backoff.failed(error, doing="polling for work")
