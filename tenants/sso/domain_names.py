"""Mail domains as they are stored and compared: lower case, in ASCII, without a final dot."""

import re

import idna

from tenants.errors import InvalidError

_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9](-?[a-z0-9])*\.|xn--[a-z0-9-]+\.)+(xn--[a-z0-9-]{2,59}|[a-z]{2,63})")


def clean_domain(text: str) -> str:
    """A domain that somebody typed; InvalidError when it is none."""
    wanted = text.strip().removeprefix("@").removesuffix(".").lower()
    try:
        name = wanted if wanted.isascii() else idna.encode(wanted, uts46=True).decode()
    except idna.IDNAError:
        name = ""
    if not _DOMAIN.fullmatch(name):
        raise InvalidError(
            "A domain looks like example.com: the part of your e-mail addresses behind the @.", attr="name"
        )
    return name


def domain_of(email: str) -> str:
    """The domain of an address; empty when it has none that could be verified."""
    local, _, name = email.strip().rpartition("@")
    try:
        return clean_domain(name) if local else ""
    except InvalidError:
        return ""
