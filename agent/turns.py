"""How many calls use the machine at the same time: the others wait for their turn, first come, first served."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# Seconds. What takes longer waits for something, or hangs: it keeps nobody else waiting.
LONGEST_TURN = 2.0


class Turns:
    """So many at the same time, of those that began theirs within the last LONGEST_TURN seconds."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)

    @contextlib.asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a turn, and have it in the block."""
        await self._free.acquire()
        has_turn = True

        def end() -> None:
            nonlocal has_turn
            if has_turn:
                has_turn = False
                self._free.release()

        over = asyncio.get_running_loop().call_later(LONGEST_TURN, end)
        try:
            yield
        finally:
            over.cancel()
            end()
