"""Waiting for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(ask: Callable[[], T], done: Callable[[T], bool], *, seconds: float = 60.0) -> T:
    """Ask until `done` holds, and return that answer; fails after the deadline with the last answer. A long limit costs nothing."""
    deadline = time.monotonic() + seconds
    while not done(answer := ask()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s; last answer: {answer!r}"
        time.sleep(0.02)
    return answer
