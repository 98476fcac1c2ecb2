"""The control channel: JSON lines over the socketpair that the agent passed in."""

import json
import os
import socket
from typing import Any

Json = dict[str, Any]


class ControlChannel:
    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        # Only an exec of ourselves may keep it: user code's subprocesses must not.
        os.set_inheritable(descriptor, False)
        self._partial = b""

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, message: Json) -> bool:
        """False when the agent is gone; children go on without it, so this is no error."""
        try:
            self._socket.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        except OSError:
            return False
        return True

    def receive(self) -> list[Json] | None:
        """The complete messages that have arrived; None at the end of the channel."""
        try:
            chunk = self._socket.recv(1 << 20)
        except OSError:
            return None
        if not chunk:
            return None
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        return [json.loads(line) for line in lines]

    def keep_across_exec(self) -> None:
        os.set_inheritable(self.fileno(), True)

    def close(self) -> None:
        self._socket.close()
