"""Organizations with verified domains and connections."""

import secrets
from dataclasses import dataclass
from typing import Any

from django.test import Client
from django.utils import timezone

from tenants.scoping import org_scope
from tenants.sso import connections, selectors
from tenants.sso.addresses import ConnectionKey, addresses_of
from tenants.sso.connections import ConnectionValues
from tenants.sso.models import Protocol, SsoConnection, SsoDomain
from tenants.sso.saml_metadata import own_metadata
from tests.cast import Cast, make_cast
from tests.tenants.sso.saml_provider import SamlProvider


@dataclass(frozen=True)
class Sso:
    """An organization with one enabled connection that serves one verified domain."""

    cast: Cast
    connection: SsoConnection
    domain: str

    @property
    def key(self) -> str:
        return str(ConnectionKey.of(self.connection))

    @property
    def metadata(self) -> str:
        return own_metadata(self.connection).decode()

    @property
    def login_path(self) -> str:
        return f"/account/sso/{self.key}/login/"

    def email(self, name: str) -> str:
        return f"{name}@{self.domain}"

    def fresh(self) -> SsoConnection:
        with org_scope(self.cast.org_id):
            return selectors.connection(self.cast.org_id, self.connection.id)

    def change(self, **values: Any) -> None:
        """Change the connection's row as no service does."""
        with org_scope(self.cast.org_id):
            SsoConnection.objects.for_org(self.cast.org_id).filter(id=self.connection.id).update(**values)

    def change_domain(self, **values: Any) -> None:
        with org_scope(self.cast.org_id):
            SsoDomain.objects.for_org(self.cast.org_id).filter(name=self.domain).update(**values)


def new_domain() -> str:
    """A domain that no other test has."""
    return f"d{secrets.token_hex(6)}.example.com"


def make_saml(provider: SamlProvider, *, jit_role: str = "viewer", **values: Any) -> Sso:
    """An organization whose people come from this provider."""
    given = ConnectionValues(metadata=provider.metadata, jit_role=jit_role, **values)
    return make_sso(Protocol.SAML, given)


def make_sso(protocol: Protocol, values: ConnectionValues) -> Sso:
    cast, domain = make_cast(), new_domain()
    made = connections.create_connection(org_id=cast.org_id, protocol=protocol, values=values, actor=cast.actor)
    on = connections.switch_connection(org_id=cast.org_id, connection_id=made.id, on=True, actor=cast.actor)
    own_domain(cast, domain, connection=on)
    return Sso(cast, on, domain)


def own_domain(cast: Cast, name: str, **fields: Any) -> None:
    """Make a domain an organization's without asking any name server: how that goes is test_domains.py's subject."""
    with org_scope(cast.org_id):
        SsoDomain.objects.create_in(cast.org_id, name=name, token="x", verified_at=timezone.now(), **fields)


def acs_of(sso: Sso) -> str:
    return addresses_of(Protocol.SAML, ConnectionKey.of(sso.connection)).acs.removeprefix("http://testserver")


def post_response(client: Client, sso: Sso, response: str) -> Any:
    """What the provider's form does, and the redirect after it."""
    return client.post(acs_of(sso), {"SAMLResponse": response}, follow=True)


def begin_saml(client: Client, sso: Sso) -> str:
    """Begin at the organization's sign-in; the id of the request that the provider has to answer."""
    from urllib.parse import parse_qs, urlsplit

    from onelogin.saml2.utils import OneLogin_Saml2_Utils

    answer = client.get(sso.login_path)
    assert answer.status_code == 302, answer.content.decode()
    message = parse_qs(urlsplit(answer["Location"]).query)["SAMLRequest"][0]
    xml = OneLogin_Saml2_Utils.decode_base64_and_inflate(message).decode()
    return xml.partition('ID="')[2].partition('"')[0]
