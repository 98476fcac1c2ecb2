"""Reads of connections, domains and identities."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Max, QuerySet

from tenants.access import Org
from tenants.errors import NotFoundError
from tenants.models import Organization
from tenants.scoping import announce, org_scope
from tenants.sso.addresses import ConnectionKey
from tenants.sso.domain_names import domain_of
from tenants.sso.models import SsoConnection, SsoDomain, SsoIdentity


@dataclass(frozen=True)
class DomainSignIn:
    """How people of a verified domain sign in: through which connection of which organization, and whether only so."""

    org: Org
    connection: SsoConnection
    is_enforced: bool

    @property
    def key(self) -> str:
        return str(ConnectionKey.of(self.connection))


def connections(org_id: UUID) -> QuerySet[SsoConnection]:
    """Every connection of an organization, by number."""
    return SsoConnection.objects.for_org(org_id).order_by("number")


def connection(org_id: UUID, connection_id: UUID) -> SsoConnection:
    """One connection; NotFoundError when the organization has none with this id."""
    found = SsoConnection.objects.for_org(org_id).filter(id=connection_id).first()
    if found is None:
        raise NotFoundError("There is no such single sign-on connection.")
    return found


def connection_by_key(key: ConnectionKey) -> SsoConnection:
    """The connection that an address names, whoever asks; NotFoundError when there is none."""
    with org_scope(key.org_id):
        found = SsoConnection.objects.for_org(key.org_id).filter(number=key.number).first()
    if found is None:
        raise NotFoundError("There is no such single sign-on connection.")
    return found


def next_number(org_id: UUID) -> int:
    """The number that the next connection gets: its addresses are known before it is made."""
    last: int | None = connections(org_id).aggregate(last=Max("number"))["last"]
    return (last or 0) + 1


def domains(org_id: UUID) -> QuerySet[SsoDomain]:
    """Every domain of an organization with its connection, by name."""
    return SsoDomain.objects.for_org(org_id).select_related("connection").order_by("name")


def domain(org_id: UUID, domain_id: UUID) -> SsoDomain:
    """One domain; NotFoundError when the organization has none with this id."""
    found = domains(org_id).filter(id=domain_id).first()
    if found is None:
        raise NotFoundError("There is no such domain.")
    return found


def has_verified(org_id: UUID, email: str) -> bool:
    """Whether the organization has proved that the domain of this address is its own."""
    name = domain_of(email)
    return bool(name) and domains(org_id).filter(name=name, verified_at__isnull=False).exists()


def identities(org_id: UUID, connection_id: UUID) -> QuerySet[SsoIdentity]:
    """Who is linked to whom through a connection."""
    return SsoIdentity.objects.for_org(org_id).filter(connection_id=connection_id).select_related("user")


def linked_to(connection: SsoConnection, user_id: UUID) -> list[SsoIdentity]:
    """The identities of a connection that one person is linked to."""
    with org_scope(connection.org_id):
        return list(identities(connection.org_id, connection.id).filter(user_id=user_id))


def organization(org_id: UUID) -> Org:
    """The organization behind a connection; NotFoundError when it is gone."""
    found = Organization.objects.defer("logo").filter(id=org_id).first()
    if found is None:
        raise NotFoundError("There is no such organization.")
    return Org.of(found)


def sign_in_of(email: str) -> DomainSignIn | None:
    """How people with an address of this domain sign in; None when no organization has single sign-on for it.

    Depends on the domain alone: whether there is such a person plays no part.
    """
    name = domain_of(email)
    if not name:
        return None
    with transaction.atomic():
        # SECURITY: the policy `by_name` shows the one verified domain of this name, before its organization is known.
        announce(setting="app.domain", value=name)
        found = SsoDomain.unscoped.filter(name=name, verified_at__isnull=False).first()
        announce(setting="app.domain", value="")
    if found is None or found.connection_id is None:
        return None
    with org_scope(found.org_id):
        serving = connections(found.org_id).filter(id=found.connection_id, is_enabled=True).first()
    if serving is None:
        return None
    return DomainSignIn(org=organization(found.org_id), connection=serving, is_enforced=found.is_enforced)
