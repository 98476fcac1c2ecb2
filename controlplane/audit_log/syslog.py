"""Syslog as of RFC 5424, over TCP or TLS (RFC 6587, 5425: each message preceded by its length) or UDP (RFC 5426)."""

import contextlib
import fcntl
import json
import re
import socket
import ssl
import struct
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from tenants.outbound_rules import OutboundError, destination
from tenants.outbound_sockets import Deadline, connected, said, trusted_tls

TRANSPORTS = ("tls", "tcp", "udp")
# Facility 13, "log audit"; severity 5, notice, or 4, warning, for what was refused.
_FACILITY = 13
_SECONDS = 15.0
# What a datagram holds on nearly every network; receivers may cut longer ones.
_DATAGRAM_MAX = 1400 * 40
_NAME = re.compile(r"[^\x21-\x7e]")


@dataclass(frozen=True)
class Syslog:
    """A syslog server. It sends no receipts: over TCP and TLS a batch counts as taken when its machine has acknowledged every byte,
    over UDP when it is sent.
    """

    host: str
    port: int
    transport: str
    organization: str

    def take(self, events: Sequence[dict[str, Any]]) -> None:
        to = destination(self.host, self.port)
        deadline = Deadline.after(_SECONDS)
        messages = [message(event, organization=self.organization) for event in events]
        try:
            if self.transport == "udp":
                family = socket.AF_INET6 if to.addresses[0].version == 6 else socket.AF_INET
                with socket.socket(family, socket.SOCK_DGRAM) as sender:
                    for text in messages:
                        sender.sendto(text[:_DATAGRAM_MAX], (str(to.addresses[0]), to.port))
                return
            with connected(to, seconds=5.0, deadline=deadline) as plain:
                plain.settimeout(deadline.left())
                with self._secured(plain) as sender:
                    for text in messages:
                        sender.settimeout(deadline.left())
                        sender.sendall(b"%d %s" % (len(text), text))
                    _await_acknowledgement(sender, deadline)
        except OSError as error:
            raise OutboundError(f"{self.host}:{self.port} did not take the events: {said(error)}.") from error

    def _secured(self, plain: socket.socket) -> socket.socket:
        if self.transport == "tcp":
            return plain
        return trusted_tls().wrap_socket(plain, server_hostname=self.host)


def message(event: dict[str, Any], *, organization: str) -> bytes:
    """One event as a syslog message, with its document as JSON for text."""
    priority = _FACILITY * 8 + (5 if event["result"] == "success" else 4)
    host = _word(urlsplit(settings.PUBLIC_URL).hostname or "-", 255)
    # 32473 stands for nobody in particular (RFC 5612).
    data = f'[audit@32473 organization="{_word(organization, 64)}" number="{event["number"]}"]'
    head = f"<{priority}>1 {event['at']} {host} daggerboard - {_word(event['action'], 32)} {data} "
    return head.encode() + b"\xef\xbb\xbf" + json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def _word(text: str, length: int) -> str:
    return _NAME.sub("_", text)[:length] or "-"


def _await_acknowledgement(sender: socket.socket, deadline: Deadline) -> None:
    """Until the other machine has acknowledged what was sent; OSError when it hung up or the time is over."""
    while _unacknowledged(sender):
        deadline.left()
        time.sleep(0.01)
    sender.setblocking(False)
    # What it says is nothing to us; that it hung up on us in the middle is.
    with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLEOFError):
        sender.recv(1)


def _unacknowledged(sender: socket.socket) -> int:
    try:
        waiting: int = struct.unpack("i", fcntl.ioctl(sender.fileno(), termios.TIOCOUTQ, b"\0" * 4))[0]
    except OSError:
        # Not every system tells.
        return 0
    return waiting
