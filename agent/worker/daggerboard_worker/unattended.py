"""What a worker does when its agent has hung up: it waits a while for the agent's next process, so that a restart loads no code again.

The address is a unix socket in the agent's own folder. That it exists says that everything the last agent had asked for is done: no
request of it can be waiting any more.
"""

import contextlib
import os
import select
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daggerboard_worker.control import ControlChannel

Json = dict[str, Any]


@dataclass(frozen=True)
class Stay:
    """Where to wait, and for how many seconds."""

    address: str
    seconds: float

    @classmethod
    def from_json(cls, message: Json) -> "Stay":
        return cls(address=message["address"], seconds=float(message["seconds"]))


def wait_for_agent(stay: Stay, *, wakeup: int, on_wakeup: Callable[[], None]) -> ControlChannel | None:
    """The channel to the next agent; None when nobody came. `on_wakeup` is called whenever `wakeup` can be read: a child ended."""
    with contextlib.suppress(OSError), listener(stay.address) as listening:
        deadline = time.monotonic() + stay.seconds
        while (left := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select([listening, wakeup], [], [], left)
            if wakeup in readable:
                on_wakeup()
            if listening in readable:
                connection, _ = listening.accept()
                if is_ours(connection):
                    return ControlChannel(connection.detach())
                connection.close()
    return None


@contextlib.contextmanager
def listener(address: str) -> Any:
    """A socket that listens from the moment its name is there; the name goes with it."""
    temporary = f"{address}.{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listening:
        try:
            listening.bind(temporary)
            listening.listen(1)
            Path(temporary).replace(address)
            yield listening
        finally:
            for path in (temporary, address):
                with contextlib.suppress(OSError):
                    os.unlink(path)  # noqa: PTH108 - Path.unlink does the same


def is_ours(connection: socket.socket) -> bool:
    """SECURITY: whoever speaks here makes this process run code, so it must be our own user."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return bool(struct.unpack("3i", credentials)[1] == os.getuid())
