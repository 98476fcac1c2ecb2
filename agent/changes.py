"""A condition that many tasks can wait on without holding a lock."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Changes:
    """Wakes everyone who waits, at each `notify`."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def notify(self) -> None:
        self._next.set()
        self._next = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._next.wait()


async def first_of(*waits: Awaitable[Any], timeout: float | None = None) -> bool:  # noqa: ASYNC109 - no cancellation wanted
    """Wait until one of several things happened; False when none did in time. Futures that are passed in are left running."""
    futures = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(futures, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for wait, future in zip(waits, futures, strict=True):
            if wait is not future:
                future.cancel()
