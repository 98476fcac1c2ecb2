"""What a worker or an agent does while a command waits for it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from controlplane.core.threads import with_connections_returned

_PAUSE_SECONDS = 0.05


@contextmanager
def beside(work: Callable[[], None]) -> Iterator[None]:
    """Do it again and again in a thread, until the block ends."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(_PAUSE_SECONDS):
            work()

    thread = threading.Thread(target=with_connections_returned, args=(go_on,))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
