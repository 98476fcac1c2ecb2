"""The one door: who asks, for which organization, with which right. Pages, API and agent endpoints all come through here."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.db import transaction

from tenants.errors import ForbiddenError, NotFoundError
from tenants.models import Membership, Organization, Role, TokenKind, User
from tenants.permissions import ROLE_PERMISSIONS, TOKEN_SCOPES, Permission
from tenants.scoping import announce, org_scope


class ActorKind(StrEnum):
    """Who caused a change."""

    USER = "user"
    TOKEN = "token"
    AGENT = "agent"
    SYSTEM = "system"


@dataclass(frozen=True)
class Actor:
    """Who did it, in words that stay readable when the account is gone."""

    kind: ActorKind
    id: UUID | None
    label: str


SYSTEM = Actor(kind=ActorKind.SYSTEM, id=None, label="Daggerboard")


@dataclass(frozen=True)
class Org:
    """An organization as code passes it around."""

    id: UUID
    slug: str
    name: str


@dataclass(frozen=True)
class TokenClaims:
    """A verified API token: bound to one organization, and for user tokens to one person."""

    id: UUID
    kind: TokenKind
    name: str
    org: Org
    user_id: UUID | None


@dataclass(frozen=True)
class Principal:
    """Who makes this request: a person with a session, or a token."""

    user: User | None = None
    token: TokenClaims | None = None

    # Django REST framework asks for it.
    is_authenticated = True

    @property
    def actor(self) -> Actor:
        if self.token is not None:
            kind = ActorKind.AGENT if self.token.kind == TokenKind.AGENT else ActorKind.TOKEN
            return Actor(kind=kind, id=self.token.id, label=self.token.name)
        assert self.user is not None  # a principal without token is a person: authentication makes no others
        return Actor(kind=ActorKind.USER, id=self.user.pk, label=self.user.email)

    @property
    def user_id(self) -> UUID | None:
        """The person, signed in or behind a user token; None for an agent."""
        return self.token.user_id if self.token is not None else self.user.pk if self.user is not None else None


@dataclass(frozen=True)
class Access:
    """The outcome of the door: an actor, in an organization, with rights already checked."""

    actor: Actor
    org: Org
    permissions: frozenset[Permission]

    def allows(self, permission: Permission) -> bool:
        return permission in self.permissions


def access_organization(principal: Principal, slug: str, permission: Permission) -> Access:
    """Open an organization for one right. Outsiders get NotFoundError, members without the right ForbiddenError."""
    access = _token_access(principal.token, slug) if principal.token else _member_access(principal, slug)
    if not access.allows(permission):
        raise ForbiddenError(f"This needs the permission {permission}. An owner of {access.org.name} can give it.")
    return access


def access_agent(principal: Principal) -> Access:
    """Open the organization of an agent token for agent work."""
    if principal.token is None:
        raise NotFoundError
    return access_organization(principal, principal.token.org.slug, Permission.AGENT_WORK)


def organizations_of(principal: Principal) -> list[Org]:
    """Every organization this principal may enter, by name."""
    if principal.token is not None:
        return [principal.token.org]
    return [org for org, _role in _memberships(principal)]


def _token_access(token: TokenClaims, slug: str) -> Access:
    if token.org.slug != slug:
        raise NotFoundError
    permissions = TOKEN_SCOPES[token.kind]
    if token.user_id is not None:
        permissions &= _permissions_in(token.org.id, token.user_id)
    return Access(actor=Principal(token=token).actor, org=token.org, permissions=permissions)


def _member_access(principal: Principal, slug: str) -> Access:
    for org, role in _memberships(principal):
        if org.slug == slug:
            return Access(actor=principal.actor, org=org, permissions=ROLE_PERMISSIONS[role])
    raise NotFoundError


def _permissions_in(org_id: UUID, user_id: UUID) -> frozenset[Permission]:
    with org_scope(org_id):
        role = Membership.objects.for_org(org_id).filter(user_id=user_id).values_list("role", flat=True).first()
    return ROLE_PERMISSIONS[Role(role)] if role else frozenset()


def _memberships(principal: Principal) -> list[tuple[Org, Role]]:
    assert principal.user is not None  # tokens are handled by their own branch
    with transaction.atomic():
        # SECURITY: the policy `own` shows a person's own memberships before any organization is chosen.
        announce(setting="app.user", value=str(principal.user.pk))
        rows = list(Membership.unscoped.filter(user_id=principal.user.pk).values_list("org_id", "role"))
    roles = {org_id: Role(role) for org_id, role in rows}
    organizations = Organization.objects.filter(id__in=roles).order_by("name")
    return [(Org(id=o.id, slug=o.slug, name=o.name), roles[o.id]) for o in organizations]
