"""Leases of running attempts: renewed by heartbeats, and when they have surely run out the attempt is ended here (promise R5).

An attempt that was never renewed may be given to another agent soon. One that was renewed is known to the control plane as running,
and is never started again by itself (docs/decisions/0003): it outlives an outage of the control plane.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import msgspec

from agent import log, machine
from agent.files import read_or_none, write_atomically
from agent.protocol import AttemptRef, ExitReason

if TYPE_CHECKING:
    from pathlib import Path

    from agent.attempts import Attempts
    from agent.identity import Identity

# Seconds between looks; also how exactly the end of a lease is kept.
LOOK_AGAIN = 0.25


class _Renewal(msgspec.Struct):
    boot_id: str
    at: float


class Leases:
    """Remembers, also across restarts of the agent, when the control plane last confirmed that we hold what we hold."""

    def __init__(self, path: Path, *, attempts: Attempts, identity: Identity) -> None:
        self._path = path
        self._attempts = attempts
        self._identity = identity
        # The control plane is there and refuses this agent: an outage it is not.
        self.refused = False

    def last_renewal(self) -> float:
        """Answer when an earlier process of this agent renewed; the beginning of time if nobody knows."""
        data = read_or_none(self._path)
        if data is None:
            return 0.0
        renewal = msgspec.json.decode(data, type=_Renewal)
        return renewal.at if renewal.boot_id == machine.boot_id() else 0.0

    def renewed(self, refs: list[AttemptRef], *, asked_at: float) -> None:
        """Note a renewal, as of the moment it was asked for: the control plane cannot have granted it earlier."""
        self.refused = False
        for ref in refs:
            if attempt := self._attempts.find(ref):
                attempt.renewed_at = max(attempt.renewed_at, asked_at)
        # Forgotten on a full disk: then a restarted agent trusts its leases for a shorter time.
        with contextlib.suppress(OSError):
            write_atomically(self._path, msgspec.json.encode(_Renewal(boot_id=machine.boot_id(), at=asked_at)))

    async def run(self) -> None:
        while True:
            self._end_expired()
            await asyncio.sleep(LOOK_AGAIN)

    def _end_expired(self) -> None:
        timing = self._identity.timing
        now = machine.now()
        for attempt in self._attempts.all():
            in_outage = attempt.was_renewed and not self.refused
            patience = timing.outage if in_outage else timing.lease + timing.lease_grace
            if (
                attempt.renewed_at < now - patience
                and not attempt.process_gone.is_set()
                and not attempt.stop_requested.is_set()
            ):
                log.error(
                    "attempt.lease_lost",
                    attempt=attempt.id,
                    seconds_since_renewal=machine.now() - attempt.renewed_at,
                    effect="ended here, because it may be started elsewhere now",
                )
                attempt.stop(ExitReason.LEASE_LOST)
