"""Where the coroutines of this slice do their database work: two bounded pools, so that a flood of events delays no poll."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")

# Together at most what one process may hold of Postgres, less two for everything else.
_THREADS = max(3, settings.DATABASE_POOL_SIZE - 2)

POLLS = ThreadPoolExecutor(max_workers=_THREADS // 2, thread_name_prefix="polls")
DELIVERIES = ThreadPoolExecutor(max_workers=_THREADS - _THREADS // 2, thread_name_prefix="deliveries")


async def in_pool(pool: ThreadPoolExecutor, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work` in a thread of the pool; its connection goes back to Postgres' pool before this returns."""
    return await asyncio.get_running_loop().run_in_executor(
        pool, lambda: with_connections_returned(work, *args, **kwargs)
    )


def with_connections_returned(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do the work of a thread that no request and no task owns."""
    try:
        return work(*args, **kwargs)
    finally:
        for connection in connections.all(initialized_only=True):
            connection.close_if_unusable_or_obsolete()
