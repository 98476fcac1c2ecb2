"""Database work of coroutines and of threads that no request and no task owns."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")


async def in_pool(pool: ThreadPoolExecutor, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work` in a thread of the pool; its connection goes back to Postgres' pool before this returns."""
    return await asyncio.get_running_loop().run_in_executor(
        pool, lambda: with_connections_returned(work, *args, **kwargs)
    )


def with_connections_returned(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do the work of a thread that no request and no task owns: what it borrowed of Postgres' pool goes back, whatever happens."""
    try:
        return work(*args, **kwargs)
    finally:
        for connection in connections.all(initialized_only=True):
            connection.close_if_unusable_or_obsolete()
