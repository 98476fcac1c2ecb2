"""The addresses an identity provider is given. They name the organization by id and not by slug, so that renaming breaks nothing."""

import re
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from tenants.errors import NotFoundError
from tenants.sso.models import Protocol, SsoConnection

_KEY = re.compile(r"([0-9a-f]{32})-([1-9][0-9]{0,8})")


@dataclass(frozen=True)
class ConnectionKey:
    """What stands for a connection in an address: `<organization's id>-<number>`."""

    org_id: UUID
    number: int

    def __str__(self) -> str:
        return f"{self.org_id.hex}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> "ConnectionKey":
        """NotFoundError when the text is no key."""
        found = _KEY.fullmatch(text)
        if found is None:
            raise NotFoundError("There is no such single sign-on connection.")
        return cls(UUID(found[1]), int(found[2]))

    @classmethod
    def of(cls, connection: SsoConnection) -> "ConnectionKey":
        return cls(connection.org_id, connection.number)


@dataclass(frozen=True)
class Addresses:
    """Of one connection, absolute. Only those of its protocol are filled."""

    key: str
    sign_in: str
    redirect_uri: str = ""
    acs: str = ""
    entity_id: str = ""


def addresses_of(protocol: str, key: ConnectionKey) -> Addresses:
    """What to copy into the identity provider."""
    if protocol == Protocol.OIDC:
        return Addresses(key=str(key), sign_in=_public("sso-login", key), redirect_uri=_public("sso-callback", key))
    # SAML: the metadata's address is the entity id, as most providers expect.
    return Addresses(
        key=str(key),
        sign_in=_public("sso-login", key),
        acs=_public("sso-acs", key),
        entity_id=_public("sso-metadata", key),
    )


def _public(name: str, key: ConnectionKey) -> str:
    # SECURITY: never the Host of the request: a provider sends people and assertions to what stands here.
    return f"{settings.PUBLIC_URL}{reverse(name, args=[str(key)])}"
