"""Room on the disk: how much is left, what to say when it runs out, and who waits for it."""

from __future__ import annotations

import asyncio
import errno
import shutil
from typing import TYPE_CHECKING

from agent import log

if TYPE_CHECKING:
    from pathlib import Path

# Seconds between looks.
LOOK_AGAIN = 1.0
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_full(error: BaseException) -> bool:
    """Say whether somebody only has to make room and all is well again."""
    return isinstance(error, OSError) and error.errno in _FULL


class Disk:
    """The file system that holds the agent's home."""

    def __init__(self, folder: Path, *, reserve_bytes: int) -> None:
        self._folder = folder
        # Below this no new attempts are taken, so that those that run can still write.
        self._reserve_bytes = reserve_bytes
        self.low = False
        self.blocked: set[str] = set()

    @property
    def free_bytes(self) -> int:
        return shutil.disk_usage(self._folder).free

    def has_room(self, size: int = 0) -> bool:
        """Say whether so many bytes can be written and the reserve stays."""
        return self.free_bytes - size >= self._reserve_bytes

    async def run(self) -> None:
        while True:
            self._look()
            await asyncio.sleep(LOOK_AGAIN)

    async def wait_for_room(self, attempt_id: str) -> None:
        """Called when a write was refused: the child waits meanwhile, nothing is dropped."""
        if attempt_id not in self.blocked:
            log.error(
                "disk.full",
                attempt=attempt_id,
                folder=self._folder,
                effect="the run waits until its events can be stored; free some space",
            )
        self.blocked.add(attempt_id)
        await asyncio.sleep(LOOK_AGAIN)
        self.blocked.discard(attempt_id)

    def _look(self) -> None:
        free = self.free_bytes
        low = free < self._reserve_bytes
        if low and not self.low:
            log.warning(
                "disk.low",
                folder=self._folder,
                free_bytes=free,
                reserve_bytes=self._reserve_bytes,
                effect="no new runs",
            )
        if self.low and not low:
            log.info("disk.recovered", folder=self._folder, free_bytes=free)
        self.low = low
