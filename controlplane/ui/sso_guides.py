"""What to copy where: our addresses of a connection, and the words of common identity providers for them."""

from dataclasses import dataclass
from uuid import UUID

from tenants.sso.addresses import Addresses, ConnectionKey, addresses_of
from tenants.sso.models import Protocol


@dataclass(frozen=True)
class Guide:
    """`values` are our addresses by name; each line of `fields` is a provider with its word for each of them."""

    protocol: Protocol
    values: list[tuple[str, str]]
    fields: tuple[tuple[str, ...], ...]
    wanted: str


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
        return Guide(protocol, [("Redirect URI", ours.redirect_uri)], _OIDC, _OIDC_WANTED)
    values = [("Assertion consumer service", ours.acs), ("Our entity id", ours.entity_id)]
    return Guide(protocol, values, _SAML, _SAML_WANTED)


def next_guides(org_id: UUID, number: int) -> list[Guide]:
    """The guides for the connection that would be made next."""
    key = ConnectionKey(org_id, number)
    return [guide_of(protocol, addresses_of(protocol, key)) for protocol in Protocol]
