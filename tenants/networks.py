"""Lists of networks that people and tokens may come from."""

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache

from tenants.errors import InvalidError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# More would be a sign of a mistake, and every request is compared with all of them.
MAX_NETWORKS = 200


def parse_networks(texts: Iterable[str], *, attr: str = "allowed_networks") -> list[str]:
    """Networks in their usual spelling, each once; InvalidError names what is none. `10.1.2.3` means that one address."""
    found: dict[str, None] = {}
    for text in texts:
        try:
            found[str(ipaddress.ip_network(text.strip()))] = None
        except ValueError as error:
            raise InvalidError(
                f"{text.strip()[:60]!r} is no network: {error}. Write it like 203.0.113.0/24 or 2001:db8::/32.",
                attr=attr,
            ) from error
    if len(found) > MAX_NETWORKS:
        raise InvalidError(f"At most {MAX_NETWORKS} networks can be listed; these are {len(found)}.", attr=attr)
    return list(found)


def is_inside(address: str, networks: Sequence[str]) -> bool:
    """Whether an address is in one of the networks. An empty list means everywhere; an unknown address is nowhere."""
    if not networks:
        return True
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped is not None:
        known = known.ipv4_mapped
    return any(known in network for network in _parsed(tuple(networks)))


def lies_within(inner: Sequence[str], outer: Sequence[str]) -> bool:
    """Whether everybody who is inside `inner` is inside `outer` too; both are lists as `is_inside` takes them."""
    if not outer:
        return True
    return bool(inner) and all(
        any(_is_part(one, other) for other in _parsed(tuple(outer))) for one in _parsed(tuple(inner))
    )


def _is_part(one: Network, other: Network) -> bool:
    if isinstance(one, ipaddress.IPv4Network):
        return isinstance(other, ipaddress.IPv4Network) and one.subnet_of(other)
    return isinstance(other, ipaddress.IPv6Network) and one.subnet_of(other)


@lru_cache(maxsize=1024)
def _parsed(networks: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in networks)
