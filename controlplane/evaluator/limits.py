"""How long dagster may think about what users defined: a schedule of every minute since 1970 must not keep everybody else waiting."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TakesTooLongError(Exception):
    """It was stopped."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"It was not done within {seconds:g} s.")


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TakesTooLongError in the code inside. Only a process's main thread can be stopped so; elsewhere there is no limit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TakesTooLongError(seconds)

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
