"""How long to wait before a crashed process is started again."""

import time
from collections.abc import Callable

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
# Whoever ran this long is not crashing in a loop.
HEALTHY_SECONDS = 60.0


class Backoff:
    """Doubles with every crash in a row; begins anew after a healthy while."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._crashes = 0
        self._started = clock()
        self._due: float | None = None

    def crashed(self) -> float | None:
        """Seconds until the next start, at the first call after a crash; None while that is already known."""
        if self._due is not None:
            return None
        if self._clock() - self._started > HEALTHY_SECONDS:
            self._crashes = 0
        delay = min(FIRST_SECONDS * 2.0**self._crashes, LONGEST_SECONDS)
        self._crashes += 1
        self._due = self._clock() + delay
        return delay

    def due(self) -> bool:
        return self._due is not None and self._clock() >= self._due

    def started(self) -> None:
        self._started = self._clock()
        self._due = None
