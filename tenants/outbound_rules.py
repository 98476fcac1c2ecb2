"""Which addresses the control plane may connect to for somebody: public ones, and networks that the installation names.

A name is resolved once, here; whoever connects, connects to an address of the answer and never looks the name up again, so that
a name server that changes its mind (DNS rebinding) changes nothing.
"""

import queue
import re
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Protocol

import idna
from django.conf import settings

from tenants.errors import AppError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# What `is_global` calls public and is not, or leads to addresses that are not: it differs between versions of Python, too.
_DENIED: tuple[Network, ...] = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # this host
            "192.0.0.0/24",  # protocol assignments; one cloud's metadata service lives here
            "192.88.99.0/24",  # relays of 6to4
            "168.63.129.16/32",  # one cloud's host agent, at a public address
            "::/96",  # IPv4-compatible
            "64:ff9b::/96",  # NAT64: an IPv4 address inside
            "64:ff9b:1::/48",  # NAT64 of one network
            "100::/64",  # discard
            "2001::/32",  # Teredo: an IPv4 address inside
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: an IPv4 address inside
            "3fff::/20",  # documentation
            "5f00::/16",  # segment routing
            "fec0::/10",  # site-local
        ),
    )
)
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.IGNORECASE)


class OutboundError(AppError):
    """A request to an address outside did not work."""

    code = "outbound_failed"


class OutboundRefusedError(OutboundError):
    """An address that is not reached from here."""

    code = "outbound_refused"


class Resolver(Protocol):
    """Looks a host name up: its addresses as text, or OSError."""

    def __call__(self, host: str, port: int) -> Sequence[str]: ...


@dataclass(frozen=True)
class Destination:
    """A host whose addresses were looked up and may be connected to. `is_named`: all are in networks named by the installation."""

    host: str
    port: int
    addresses: tuple[Address, ...]
    is_named: bool


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Addresses as the operating system sees them; it also reads the odd spellings, such as 2130706433 or 0x7f.1."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in found))


def destination(host: str, port: int, *, resolver: Resolver = system_resolver, seconds: float = 10.0) -> Destination:
    """Look a host up, once. OutboundRefusedError if any of its addresses may not be reached, OutboundError when it has none."""
    name = host_name(host)
    addresses = tuple(_parsed(text, name) for text in _looked_up(name, port, resolver, seconds))
    if not addresses:
        raise OutboundError(f"{name} has no address. Check the name.")
    named = [_is_named(address) for address in addresses]
    if not all(known or is_public(address) for known, address in zip(named, addresses, strict=True)):
        # SECURITY: the address is not told: it would make this a way to look up names inside.
        raise OutboundRefusedError(
            f"{name} is at a private, local or reserved address, which is not reached from here. Whoever runs this installation "
            "can allow networks of their own with DAGGERBOARD_OUTBOUND_ALLOWED_NETWORKS."
        )
    return Destination(host=name, port=port, addresses=addresses, is_named=all(named))


def host_name(text: str) -> str:
    """A host name or address in the form it is looked up and sent in; OutboundRefusedError when it is neither."""
    literal = text.removeprefix("[").removesuffix("]")
    if ":" in literal:
        return str(_parsed(literal, text))
    try:
        name = text if text.isascii() else idna.encode(text, uts46=True).decode()
    except idna.IDNAError as error:
        raise _no_host(text) from error
    # What a resolver takes at all is 253 characters long.
    if len(name) > 253 or not _HOST.fullmatch(name):
        raise _no_host(text)
    return name.lower()


def is_public(address: Address) -> bool:
    """Whether an address belongs to the Internet and to nobody's inside."""
    plain = _unmapped(address)
    denied = any(plain in network for network in _DENIED if network.version == plain.version)
    return plain.is_global and not plain.is_multicast and not plain.is_reserved and not denied


def _is_named(address: Address) -> bool:
    plain = _unmapped(address)
    return any(plain in network for network in settings.OUTBOUND_ALLOWED_NETWORKS if network.version == plain.version)


def _unmapped(address: Address) -> Address:
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _parsed(text: str, host: str) -> Address:
    try:
        address = ip_address(text)
    except ValueError as error:
        raise _no_host(host) from error
    if isinstance(address, IPv6Address) and address.scope_id:
        raise _no_host(host)
    return address


def _looked_up(host: str, port: int, resolver: Resolver, seconds: float) -> Sequence[str]:
    # The system's resolver takes no time limit: it is left behind in its thread, and ends by its own.
    answers: queue.SimpleQueue[Sequence[str] | OSError | UnicodeError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(resolver(host, port))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=look_up, name="look-up", daemon=True).start()
    try:
        answer = answers.get(timeout=max(seconds, 0.001))
    except queue.Empty:
        raise OutboundError(f"The address of {host} could not be looked up within {seconds:.0f} s.") from None
    if isinstance(answer, Exception):
        raise OutboundError(f"{host} could not be found. Check the name.") from answer
    return answer


def _no_host(text: str) -> OutboundRefusedError:
    return OutboundRefusedError(f"{text[:100]!r} is not a host name or network address.")
