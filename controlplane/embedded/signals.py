"""SIGINT, SIGTERM and SIGHUP, as wishes: the first asks to stop, the second asks to stop at once."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """Somebody asked to stop before everything was up. Not an Exception: no retry may swallow it."""


class StopAtOnce(BaseException):
    """Asked a second time: no more patience."""


class StopSignals:
    """Installed between `install` and `restore`, in the main thread.

    The first signal raises StopRequested wherever the thread is; within `deferred` it is only noted.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._deferred = False
        self._before: dict[signal.Signals, Any] = {}
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)

    def install(self) -> None:
        self._before = {number: signal.signal(number, self._handle) for number in STOP_SIGNALS}

    def restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._reader)
        os.close(self._writer)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        before, self._deferred = self._deferred, True
        try:
            yield
        finally:
            self._deferred = before

    def ignore(self) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def wait(self, seconds: float) -> None:
        """Sleep, but wake at a signal."""
        select.select([self._reader], [], [], seconds)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.received is not None:
            raise StopAtOnce
        self.received = signal.Signals(number)
        os.write(self._writer, b"x")
        if not self._deferred:
            raise StopRequested
