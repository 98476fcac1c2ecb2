"""The one door: who asks, for which organization, with which right. Pages, API and agent endpoints all come through here."""

import datetime
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from tenants.errors import AddressRefusedError, ForbiddenError, NotFoundError, SessionTooOldError
from tenants.grants import (
    NO_HOLDINGS,
    NO_RIGHTS,
    NOTHING,
    Holdings,
    Place,
    Rights,
    holdings_of_service_account,
    holdings_of_user,
)
from tenants.models import Effect, Membership, Organization, OrganizationState, TokenKind, User
from tenants.networks import is_inside
from tenants.organization_states import CLOSED, check_open
from tenants.permissions import OF_DEPLOYMENTS, OF_MEMBERS, TOKEN_SCOPES, Permission
from tenants.reach import EVERYTHING, Reach
from tenants.scoping import announce, org_scope


class ActorKind(StrEnum):
    """Who caused a change."""

    USER = "user"
    TOKEN = "token"
    SERVICE_ACCOUNT = "service"
    AGENT = "agent"
    SYSTEM = "system"
    # A schedule, a sensor, conditions or a backfill: `id` is its row.
    AUTOMATION = "automation"


@dataclass(frozen=True)
class Actor:
    """Who did it, in words that stay readable when the account is gone, and the network address they came from."""

    kind: ActorKind
    id: UUID | None
    label: str
    address: str = ""


SYSTEM = Actor(kind=ActorKind.SYSTEM, id=None, label="Daggerboard")


@dataclass(frozen=True)
class Org:
    """An organization as code passes it around."""

    id: UUID
    slug: str
    name: str
    state: OrganizationState = OrganizationState.ACTIVE
    state_reason: str = ""
    delete_after: datetime.datetime | None = None
    session_hours: int | None = None
    allowed_networks: tuple[str, ...] = ()
    has_logo: bool = False

    @classmethod
    def of(cls, row: Organization) -> "Org":
        """From a row; its logo may be deferred."""
        return cls(
            id=row.id,
            slug=row.slug,
            name=row.name,
            state=OrganizationState(row.state),
            state_reason=row.state_reason,
            delete_after=row.delete_after,
            session_hours=row.session_hours,
            allowed_networks=tuple(row.allowed_networks),
            has_logo=bool(row.logo_type),
        )


@dataclass(frozen=True)
class TokenClaims:
    """A verified API token: bound to one organization; a user token to one person, a service token to one service account."""

    id: UUID
    kind: TokenKind
    name: str
    org: Org
    user_id: UUID | None
    user_email: str = ""
    service_account_id: UUID | None = None
    # None for everything its holder may.
    scopes: frozenset[Permission] | None = None
    # How far an agent token reaches.
    reach: Reach = EVERYTHING
    expires_at: datetime.datetime | None = None
    # Networks it may be used from, beside those of the organization; empty for any.
    allowed_networks: tuple[str, ...] = ()

    @property
    def limit(self) -> frozenset[Permission]:
        """Rights that this token can carry at most. What every member has needs no scope."""
        kind = TOKEN_SCOPES[self.kind]
        return kind if self.scopes is None else kind & (self.scopes | OF_MEMBERS)


@dataclass(frozen=True)
class Principal:
    """Who makes this request: a person with a session, or a token; and from which network address."""

    user: User | None = None
    token: TokenClaims | None = None
    address: str = ""
    # When the session began; None for a token.
    signed_in_at: datetime.datetime | None = None
    # The one organization that a session may enter; None for all of the person's (tenants.sso.session_notes).
    only_org_id: UUID | None = None

    # Django REST framework asks for it.
    is_authenticated = True

    @property
    def actor(self) -> Actor:
        if self.token is not None:
            return Actor(_ACTOR_OF[self.token.kind], id=self.token.id, label=self.token.name, address=self.address)
        assert self.user is not None  # a principal without token is a person: authentication makes no others
        return Actor(ActorKind.USER, id=self.user.pk, label=self.user.email, address=self.address)

    @property
    def user_id(self) -> UUID | None:
        """The person, signed in or behind a user token; None for an agent."""
        return self.token.user_id if self.token is not None else self.user.pk if self.user is not None else None


_ACTOR_OF = {
    TokenKind.USER: ActorKind.TOKEN,
    TokenKind.SERVICE: ActorKind.SERVICE_ACCOUNT,
    TokenKind.AGENT: ActorKind.AGENT,
    TokenKind.SCIM: ActorKind.TOKEN,
}


@dataclass(frozen=True)
class Access:
    """The outcome of the door: an actor in an organization, or in one deployment of it (`place`), and what they may do there.

    `permissions` are the rights held there, if only on a part of the deployment; `rights` says on which part, and what is hidden.
    """

    actor: Actor
    org: Org
    permissions: frozenset[Permission]
    holdings: Holdings = NO_HOLDINGS
    limit: frozenset[Permission] = NOTHING
    place: Place | None = None
    rights: Rights = NO_RIGHTS

    def allows(self, permission: Permission) -> bool:
        """Whether the actor holds this right here, if only on a part."""
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """ForbiddenError without this right."""
        if not self.allows(permission):
            raise ForbiddenError(f"This needs the permission {permission}. An admin of {self.org.name} can give it.")

    def at(self, place: Place) -> "Access":
        """The same actor in one deployment; NotFoundError when they may not even know of it."""
        if not self.limit & OF_DEPLOYMENTS:
            raise ForbiddenError("This token is good for one purpose only: an agent's work, or SCIM.")
        rights = self.holdings.at(place).cut(self.limit)
        if not rights.somewhere:
            raise NotFoundError("There is no such deployment, or you may not know of it.")
        here = (self.permissions - OF_DEPLOYMENTS) | rights.somewhere
        return replace(self, place=place, rights=rights, permissions=here)

    def anywhere(self) -> "Access":
        """The same actor in the organization, with the rights that they hold in whichever deployment, if only on a part of it.

        For what belongs to no deployment yet and is of use in one only.
        """
        held = NOTHING.union(*(held.permissions for held in self.holdings.grants if held.effect == Effect.ALLOW))
        return replace(self, permissions=self.permissions | (held & OF_DEPLOYMENTS & self.limit))

    def may_enter(self, place: Place) -> bool:
        """Whether the actor holds anything at all in this deployment."""
        return bool(self.holdings.at(place).cut(self.limit).somewhere)


def enter_organization(principal: Principal, slug: str, *, even_closed: bool = False) -> Access:
    """Open an organization: rights over the organization itself, and the holdings from which those over deployments follow.

    Outsiders get NotFoundError; AddressRefusedError, SessionTooOldError and OrganizationSuspendedError say what the organization
    demands. `even_closed` lets its Organization Admins into a suspended one. Rights are read anew at each request: what was taken
    away is gone at once.
    """
    access = _entered(principal, _organization(principal, slug))
    if access.org.state in CLOSED and not (even_closed and access.allows(Permission.ORGANIZATION_WRITE)):
        check_open(access.org)
    return access


def _organization(principal: Principal, slug: str) -> Org:
    for org in organizations_of(principal):
        if org.slug == slug:
            return org
    raise NotFoundError


def access_agent(principal: Principal) -> Access:
    """Open the organization of an agent token for agent work, in whatever state it is: what runs must be able to report."""
    if principal.token is None:
        raise NotFoundError
    access = _entered(principal, principal.token.org)
    access.require(Permission.AGENT_WORK)
    return access


def access_of(org: Org, user: User) -> Access:
    """What a person may do in an organization, where they do not ask themselves: whether a promise of theirs still holds."""
    principal, limit = Principal(user=user), TOKEN_SCOPES[TokenKind.USER]
    holdings = _holdings(principal, org)
    return Access(
        actor=principal.actor,
        org=org,
        permissions=holdings.in_organization() & limit,
        holdings=holdings,
        limit=limit,
    )


def organizations_of(principal: Principal) -> list[Org]:
    """Every organization this principal may enter, by name."""
    if principal.token is not None:
        return [principal.token.org]
    assert principal.user is not None  # tokens are handled above
    with transaction.atomic():
        # SECURITY: the policy `own` shows a person's own memberships before any organization is chosen.
        announce(setting="app.user", value=str(principal.user.pk))
        own = Membership.unscoped.filter(user_id=principal.user.pk, is_active=True)
        ids = list(own.values_list("org_id", flat=True))
    if principal.only_org_id is not None:
        ids = [org_id for org_id in ids if org_id == principal.only_org_id]
    return [Org.of(row) for row in Organization.objects.filter(id__in=ids).defer("logo").order_by("name")]


def _entered(principal: Principal, org: Org) -> Access:
    token = principal.token
    check_address(org, principal.address)
    _check_session(org, principal)
    limit = token.limit if token is not None else TOKEN_SCOPES[TokenKind.USER]
    holdings = _holdings(principal, org)
    # An agent token holds no grants: what it is for, its kind says.
    held = holdings.in_organization() | (
        {Permission.AGENT_WORK} if token and token.kind == TokenKind.AGENT else NOTHING
    )
    return Access(actor=principal.actor, org=org, permissions=held & limit, holdings=holdings, limit=limit)


def check_address(org: Org, address: str) -> None:
    """AddressRefusedError when the organization does not admit this network address."""
    if not is_inside(address, org.allowed_networks):
        raise AddressRefusedError(
            f"{org.name} admits people and programs from certain networks only, and {address or 'your address'} is in none of "
            "them. Come from one of these, or ask an Organization Admin to add yours."
        )


def _check_session(org: Org, principal: Principal) -> None:
    if org.session_hours is None or principal.signed_in_at is None:
        return
    if timezone.now() - principal.signed_in_at > datetime.timedelta(hours=org.session_hours):
        raise SessionTooOldError(f"{org.name} ends sessions after {org.session_hours} hours. Sign in again.")


def _holdings(principal: Principal, org: Org) -> Holdings:
    token = principal.token
    if token is not None and token.service_account_id is None and token.user_id is None:
        return Holdings()
    with org_scope(org.id):
        if token is not None and token.service_account_id is not None:
            return holdings_of_service_account(org.id, token.service_account_id)
        if token is not None and token.user_id is not None:
            # A user token lives no longer than the membership of its person.
            if not Membership.objects.for_org(org.id).filter(user_id=token.user_id, is_active=True).exists():
                raise NotFoundError
            return holdings_of_user(org.id, token.user_id, token.user_email)
        assert principal.user is not None  # no token: a person
        return holdings_of_user(org.id, principal.user.pk, principal.user.email)
