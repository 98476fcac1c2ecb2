"""The one way events enter a spool, from children and from the agent itself; a full disk makes the sender wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.disk import Disk, is_full
from agent.masks import NO_MASKS
from agent.spool import NewEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agent.attempt import Attempt
    from agent.environment import Environments
    from agent.events import EventShipper
    from agent.masks import Masks


class Intake:
    """Stores first, then tells the shipper."""

    def __init__(self, *, disk: Disk, shipper: EventShipper, environments: Environments) -> None:
        self._disk = disk
        self._environments = environments
        self._shipper = shipper

    async def store(self, attempt: Attempt, key: str | None, events: Sequence[NewEvent]) -> None:
        """Return when the events are durable, without values of secrets. A key that was stored before adds nothing."""
        masks = self.masks(attempt)
        if masks is None:
            masks = await self._environments.known_masks(attempt.launch.version_id)
        events = [NewEvent(type=event.type, body=masks.event(event.body)) for event in events]
        await self.with_room(attempt, lambda: _append_once(attempt, key, events))
        if attempt.spool.has_child_events:
            attempt.first_event.set()
        self._shipper.notify(attempt, [event.type for event in events])

    def masks(self, attempt: Attempt) -> Masks | None:
        """Answer what to mask in what an attempt says; None while that is being found out. Known at once for most, also in an outage."""
        if attempt.state.has_secrets is False:
            return NO_MASKS
        return self._environments.masks(attempt.launch.version_id)

    async def with_room(self, attempt: Attempt, write: Callable[[], object]) -> None:
        """Write, again and again while the disk is full."""
        while True:
            try:
                write()
            except OSError as error:
                if not is_full(error):
                    raise
                await self._disk.wait_for_room(attempt.id)
            else:
                return

    def ship_rest(self, attempt: Attempt) -> None:
        """Have `attempt.shipped` set as soon as nothing is left to send."""
        self._shipper.notify(attempt, [])


def _append_once(attempt: Attempt, key: str | None, events: Sequence[NewEvent]) -> None:
    if not (key and attempt.spool.has(key)):
        attempt.spool.append(key, events)
