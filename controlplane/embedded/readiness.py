"""Conditions that say a process is ready, asked from outside."""

import http.client
from collections.abc import Callable
from pathlib import Path

from controlplane.embedded.ports import LOOPBACK


def http_answers(port: int, path: str = "/", *, host: str | None = None) -> Callable[[], bool]:
    """True once a GET is answered with anything below 500."""

    def ready() -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
        try:
            connection.request("GET", path, headers={"Host": host or f"{LOOPBACK}:{port}"})
            return connection.getresponse().status < http.client.INTERNAL_SERVER_ERROR
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return ready


def log_says(log: Path, words: str) -> Callable[[], bool]:
    """True once the log has these words after what it holds now."""
    start = log.stat().st_size if log.exists() else 0

    def ready() -> bool:
        if not log.exists():
            return False
        with log.open("rb") as file:
            # A log that is shorter than before was rolled, and is new as a whole.
            file.seek(start if log.stat().st_size >= start else 0)
            return words.encode() in file.read()

    return ready
