"""Looking up TXT records, at the name servers of the machine or of DAGGERBOARD_DNS_RESOLVERS."""

from ipaddress import ip_address

import dns.exception
import dns.resolver
from django.conf import settings

from tenants.errors import UnavailableError

# Everything together, all name servers and repeats.
_SECONDS = 5.0


def txt_records(name: str) -> list[str]:
    """The TXT records of a domain, empty when it has none; UnavailableError when no name server answers."""
    try:
        answer = _resolver().resolve(name, "TXT", search=False, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return []
    except dns.exception.DNSException as error:
        raise UnavailableError(
            f"The name servers did not answer for {name} ({type(error).__name__}). Try again in a minute."
        ) from error
    return [] if answer.rrset is None else [b"".join(record.strings).decode("utf-8", "replace") for record in answer]


def _resolver() -> dns.resolver.Resolver:
    given: list[str] = settings.DNS_RESOLVERS
    resolver = dns.resolver.Resolver(configure=not given)
    resolver.lifetime = _SECONDS
    # SECURITY: no cache between checks: a record that was taken away must be missed.
    resolver.cache = None
    if given:
        resolver.nameservers = [_server(text) for text in given]
    return resolver


def _server(text: str) -> "dns.nameserver.Do53Nameserver":
    host, _, port = text.rpartition(":") if text.count(":") == 1 or "]" in text else (text, "", "")
    if text.endswith("]"):
        host, port = text, ""
    address = ip_address((host or text).strip("[]"))
    return dns.nameserver.Do53Nameserver(str(address), int(port or 53))
