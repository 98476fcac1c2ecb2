"""Database work of a test beside its event loop."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from controlplane.core.threads import with_connections_returned

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Like asyncio.to_thread, and the connection of the thread goes back."""
    return await asyncio.to_thread(lambda: with_connections_returned(work, *args, **kwargs))
