"""The loop that renews the leases of everything this agent holds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agent import log, machine
from agent.protocol import Heartbeat
from agent.retry import Backoff, ControlPlaneError, is_fatal, is_retryable, needs_registering

if TYPE_CHECKING:
    from agent.attempts import Attempts
    from agent.client import Client
    from agent.identity import Identity
    from agent.leases import Leases

# A cancel that is only heard in a heartbeat does not say how patient to be.
CANCEL_GRACE = 10.0


class Heartbeats:
    """One every `timing.heartbeat` seconds while there are attempts; after a failure sooner."""

    def __init__(self, *, client: Client, identity: Identity, attempts: Attempts, leases: Leases) -> None:
        self._client = client
        self._identity = identity
        self._attempts = attempts
        self._leases = leases

    async def run(self) -> None:
        backoff = Backoff(longest=2.0)
        while True:
            await self._attempts.changes.until(lambda: bool(self._attempts.all()))
            try:
                await self._beat()
            except Exception as error:
                if not is_retryable(error) and not isinstance(error, ControlPlaneError):
                    raise
                # A dead credential is not the last word: the poller registers again, and that says whether we are refused.
                if not needs_registering(error):
                    self._leases.refused = is_fatal(error)
                await backoff.failed(error, doing="renewing leases")
                continue
            backoff.succeeded()
            await asyncio.sleep(self._identity.timing.heartbeat)

    async def _beat(self) -> None:
        held = [attempt.ref for attempt in self._attempts.all() if not attempt.dropped.is_set()]
        if not held:
            return
        asked_at = machine.now()
        message = Heartbeat(agent_id=self._identity.agent_id, boot_id=self._identity.boot_id, attempts=held)
        answer = await self._client.heartbeat(message, timeout=max(2.0, self._identity.timing.heartbeat))
        self._leases.renewed([ref for ref in held if ref not in answer.lost], asked_at=asked_at)
        if answer.credential is not None:
            self._client.use_credential(answer.credential)
        log.debug("heartbeat.answered", held=len(held), lost=len(answer.lost), cancel=len(answer.cancel))
        for ref in answer.lost:
            self._attempts.lose(ref)
        for ref in answer.cancel:
            self._attempts.cancel(ref, grace=CANCEL_GRACE)
