"""Connections to a checked destination, and what bounds them: one deadline over everything, however slowly the other side drips."""

import socket
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import certifi
import httpcore

from tenants.outbound_rules import Destination, OutboundError

# A peer that reads slowly is noticed between two pieces.
_PIECE = 16_384


@dataclass(frozen=True)
class Deadline:
    """A moment of the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        return cls(time.monotonic() + seconds)

    def left(self, at_most: float | None = None) -> float:
        """Seconds left, at most these; TimeoutError when there are none."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left if at_most is None else min(left, at_most)


@cache
def trusted_tls() -> ssl.SSLContext:
    """TLS 1.2 or newer, with the machine's certificate authorities and Mozilla's."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def connected(to: Destination, *, seconds: float, deadline: Deadline) -> socket.socket:
    """A TCP connection to the first address of the destination that answers; OutboundError when none does."""
    problem: OSError = TimeoutError()
    for address in to.addresses:
        try:
            found = socket.create_connection((str(address), to.port), deadline.left(seconds))
        except OSError as error:
            problem = error
            continue
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return found
    raise OutboundError(f"{to.host}:{to.port} does not accept connections: {said(problem)}.") from problem


def said(problem: OSError) -> str:
    """An error of the network in words."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({problem.verify_message})"
    if isinstance(problem, ssl.SSLError):
        return f"TLS failed ({problem.reason or 'no common ground'})"
    if isinstance(problem, TimeoutError):
        return "it took too long"
    return (problem.strerror or "the connection broke").lower()


class PinnedBackend(httpcore.NetworkBackend):
    """Connects to the checked addresses whatever name it is asked for, and keeps the deadline over all reads and writes."""

    def __init__(self, to: Destination, deadline: Deadline) -> None:
        self._to, self._deadline = to, deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        return _BoundedStream(connected(self._to, seconds=timeout or 5.0, deadline=self._deadline), self._deadline)


class _BoundedStream(httpcore.NetworkStream):
    """A socket on which nothing waits beyond the deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._socket, self._deadline = sock, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._socket.settimeout(self._deadline.left(timeout))
        return self._socket.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE):
            self._socket.settimeout(self._deadline.left(timeout))
            try:
                self._socket.sendall(buffer[start : start + _PIECE])
            except ConnectionError as error:
                # A server may answer before it has read everything, and close: httpcore goes on to read the answer.
                raise httpcore.WriteError(said(error)) from error

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self._socket.settimeout(self._deadline.left(timeout))
        try:
            return _BoundedStream(
                ssl_context.wrap_socket(self._socket, server_hostname=server_hostname), self._deadline
            )
        except OSError:
            self.close()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._socket if info == "socket" else None
