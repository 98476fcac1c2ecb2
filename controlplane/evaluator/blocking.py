"""Asking the database from inside dagster's event loop, which has the thread to itself and may wait."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def outside_the_loop() -> Iterator[None]:
    """As if no event loop ran in this thread: Django gives every loop connections of its own, which are not in our transaction."""
    loop = asyncio._get_running_loop()  # noqa: SLF001 - documented for those who run loops, and not otherwise to be had
    asyncio._set_running_loop(None)  # noqa: SLF001 - as above
    try:
        yield
    finally:
        asyncio._set_running_loop(loop)  # noqa: SLF001 - as above
