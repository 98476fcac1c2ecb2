"""One of everything about single sign-on that a route can name."""

from tenants.ids import uuid7
from tenants.sso.connections import ConnectionValues, create_connection
from tenants.sso.domains import add_domain
from tenants.sso.models import Protocol
from tests.cast import Cast

SSO_PARAMETERS = ("connection_id", "domain_id")


def sso_of(cast: Cast) -> dict[str, str]:
    """A connection that is not complete, and a domain that is not verified."""
    who = {"org_id": cast.org_id, "actor": cast.actor}
    connection = create_connection(protocol=Protocol.OIDC, values=ConnectionValues(name="Okta"), **who)
    domain = add_domain(name=f"d{uuid7().hex}.example.com", **who)
    return {"connection_id": str(connection.id), "domain_id": str(domain.id)}
