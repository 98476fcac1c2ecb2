"""What to copy where: the words of common identity providers for the addresses of a connection."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from tenants.sso.addresses import Addresses, ConnectionKey, addresses_of
from tenants.sso.models import Protocol


@dataclass(frozen=True)
class GuideLine:
    """One field of one provider's form, and what belongs into it."""

    provider: str
    field: str
    value: str


@dataclass(frozen=True)
class Guide:
    """The fields of every provider for one protocol, and what each provider calls what we need from it."""

    protocol: Protocol
    lines: list[GuideLine]
    wanted: str


# Provider, its word for the redirect URI.
_OIDC = (
    ("Okta", "Sign-in redirect URIs (OIDC web application)"),
    ("Microsoft Entra ID", "Redirect URI (platform Web)"),
    ("Google", "Authorized redirect URIs (OAuth client, web application)"),
    ("Keycloak", "Valid redirect URIs (client authentication on)"),
)
_OIDC_WANTED = (
    "From there you need the client id, the client secret and the issuer: https://your-org.okta.com, "
    "https://login.microsoftonline.com/<tenant id>/v2.0, https://accounts.google.com, https://your-host/realms/<realm>."
)
# Provider, its word for the ACS address, its word for the entity id.
_SAML = (
    ("Okta", "Single sign-on URL", "Audience URI (SP Entity ID)"),
    ("Microsoft Entra ID", "Reply URL (Assertion Consumer Service URL)", "Identifier (Entity ID)"),
    ("Google", "ACS URL", "Entity ID"),
    ("Keycloak", "Valid redirect URIs, and Assertion Consumer Service POST Binding URL", "Client ID"),
)
_SAML_WANTED = (
    "Let it sign assertions (SHA-256), send a persistent NameID, and the attributes Email, FirstName and LastName. From there you "
    "need its metadata XML."
)


def guide_of(protocol: Protocol, ours: Addresses) -> Guide:
    """The guide for one connection."""
    if protocol == Protocol.OIDC:
        lines = [GuideLine(name, field, ours.redirect_uri) for name, field in _OIDC]
        return Guide(protocol, lines, _OIDC_WANTED)
    return Guide(protocol, list(_saml_lines(ours)), _SAML_WANTED)


def next_guides(org_id: UUID, number: int) -> list[Guide]:
    """The guides for the connection that would be made next."""
    key = ConnectionKey(org_id, number)
    return [guide_of(protocol, addresses_of(protocol, key)) for protocol in Protocol]


def _saml_lines(ours: Addresses) -> Iterator[GuideLine]:
    for name, acs_field, entity_field in _SAML:
        yield GuideLine(name, acs_field, ours.acs)
        yield GuideLine(name, entity_field, ours.entity_id)
