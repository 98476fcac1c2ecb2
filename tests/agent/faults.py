"""Faults of the fake control plane: which request, which way, how often."""

import threading
import time
from dataclasses import dataclass
from typing import Any


class ReplyDroppedError(Exception):
    """The work may have been done; the agent hears nothing."""


class RefusedError(Exception):
    def __init__(self, status: int, code: str, retry_after: float | None = None) -> None:
        self.status, self.code, self.retry_after = status, code, retry_after


@dataclass
class _Fault:
    kind: str
    path: str
    times: float
    value: float = 0.0
    gate: threading.Event | None = None
    retry_after: float | None = None
    code: str = "injected"


class Faults:
    """Each fault is used up after `times` requests whose path starts with `path`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[_Fault] = []
        self.injected = 0

    def drop_reply(self, path: str, times: float = 1) -> None:
        self._faults.append(_Fault("drop_reply", path, times))

    def drop_request(self, path: str = "", times: float = float("inf")) -> None:
        """As a black hole would: nothing is done, nothing is answered."""
        self._faults.append(_Fault("drop_request", path, times))

    def status(self, path: str, status: int, times: float = 1, **answer: Any) -> None:
        self._faults.append(_Fault("status", path, times, status, **answer))

    def delay(self, path: str, seconds: float, times: float = 1) -> None:
        self._faults.append(_Fault("delay", path, times, seconds))

    def hold(self, path: str) -> threading.Event:
        """One request waits until this is set."""
        gate = threading.Event()
        self._faults.append(_Fault("hold", path, 1, gate=gate))
        return gate

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def before(self, path: str) -> None:
        if fault := self._take(path, "delay"):
            time.sleep(fault.value)
        if (fault := self._take(path, "hold")) and fault.gate:
            fault.gate.wait(100)
        if self._take(path, "drop_request"):
            raise ReplyDroppedError
        if fault := self._take(path, "status"):
            raise RefusedError(int(fault.value), fault.code, fault.retry_after)

    def after(self, path: str) -> None:
        if self._take(path, "drop_reply"):
            raise ReplyDroppedError

    def _take(self, path: str, kind: str) -> _Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.kind == kind and path.startswith(fault.path) and fault.times > 0:
                    fault.times -= 1
                    self.injected += 1
                    return fault
        return None
