"""Who may see, make, change and revoke which token.

Own tokens need `own_token:write`; those of other people `user_token:write`, which lists and revokes and never makes or reads; those of
service accounts `service_account:write`, agents' `agent_token:write`, SCIM's `sso:write`. Nobody makes a token that can do more than they
can: neither by its scopes, nor by outliving or leaving the networks of the token they made it with.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from tenants.access import Access, Principal, TokenClaims
from tenants.errors import ForbiddenError, InvalidError, NotFoundError
from tenants.grants import NOTHING, Holding, Holdings, holdings_of_service_account
from tenants.models import ApiToken, Effect, GrantScope, ServiceAccount, TokenKind
from tenants.networks import lies_within
from tenants.people.authority import held_in_organization, rights_over
from tenants.people.places import places
from tenants.permissions import (
    OF_DEPLOYMENTS,
    OF_MEMBERS,
    ORGANIZATION_WIDE,
    TOKEN_SCOPES,
    Permission,
    permissions_named,
)
from tenants.reach import Reach

# The right to manage every token of a kind.
RIGHT_OF = {
    TokenKind.USER: Permission.USER_TOKEN_WRITE,
    TokenKind.SERVICE: Permission.SERVICE_ACCOUNT_WRITE,
    TokenKind.AGENT: Permission.AGENT_TOKEN_WRITE,
    TokenKind.SCIM: Permission.SSO_WRITE,
}


@dataclass(frozen=True)
class Terms:
    """What a new token is cut down to; the defaults cut nothing."""

    scopes: Sequence[str] | None = None
    expires_at: datetime.datetime | None = None
    allowed_networks: Sequence[str] = ()


def visible_tokens(access: Access, principal: Principal) -> QuerySet[ApiToken]:
    """The tokens that the caller may manage and that are not revoked; call it inside org_scope."""
    kinds = [kind for kind, right in RIGHT_OF.items() if access.allows(right)]
    seen = Q(kind__in=kinds)
    if access.allows(Permission.OWN_TOKEN_WRITE) and principal.user_id is not None:
        seen |= Q(kind=TokenKind.USER, user_id=principal.user_id)
    rows = ApiToken.objects.for_org(access.org.id).filter(seen, revoked_at=None)
    return rows.select_related("user", "service_account")


def access_token(access: Access, principal: Principal, token_id: UUID) -> ApiToken:
    """One token that the caller may manage; NotFoundError for others. Call it inside org_scope."""
    token = visible_tokens(access, principal).filter(id=token_id).first()
    if token is None:
        raise NotFoundError("There is no such token, or it is revoked already.")
    return token


def is_own(principal: Principal, token: ApiToken) -> bool:
    return token.kind == TokenKind.USER and token.user_id == principal.user_id


def require_may_make(access: Access, kind: TokenKind) -> None:
    """ForbiddenError unless the caller may make tokens of this kind (their own, of the kind user)."""
    access.require(Permission.OWN_TOKEN_WRITE if kind == TokenKind.USER else RIGHT_OF[kind])


def require_may_change(access: Access, principal: Principal, token: ApiToken) -> None:
    """ForbiddenError for a token of another person: those can be revoked, not changed or rotated."""
    if token.kind == TokenKind.USER and not is_own(principal, token):
        raise ForbiddenError("This is the token of somebody else. You may revoke it; only they may change it.")
    require_may_make(access, TokenKind(token.kind))


def check_terms(
    access: Access, principal: Principal, kind: TokenKind, terms: Terms, account: ServiceAccount | None = None
) -> None:
    """InvalidError for scopes that the holder does not have; ForbiddenError for a token that could do more than its maker.

    Call it inside org_scope.
    """
    if principal.token is not None:
        _check_within(principal.token, kind, terms)
    if kind == TokenKind.USER:
        _check_held(terms.scopes, held_anywhere(access.holdings, access.permissions) & access.limit, "You hold")
    elif kind == TokenKind.SERVICE and account is not None:
        holdings = holdings_of_service_account(access.org.id, account.id)
        _check_held(terms.scopes, held_anywhere(holdings, OF_MEMBERS), f"The service account {account.name} holds")
        _check_holds_no_more(access, holdings, terms.scopes)


def check_reach(org_id: UUID, reach: Reach | None) -> Reach | None:
    """The reach when every deployment it names is one of the organization's; InvalidError otherwise. Call it inside org_scope."""
    named = (reach.deployments | reach.branches_of) if reach is not None else frozenset()
    unknown = named - set(places(org_id, named)) if named else None
    if unknown:
        raise InvalidError(f"There is no deployment {min(map(str, unknown))} in this organization.", attr="reach")
    known = places(org_id, reach.branches_of) if reach is not None and reach.branches_of else {}
    branches = sorted(found.name for found in known.values() if found.place.is_branch)
    if branches:
        raise InvalidError(
            f"{branches[0]} is a branch deployment itself and has no branches. Name a full deployment, or {branches[0]} as a "
            "deployment of its own.",
            attr="reach",
        )
    return reach


def held_anywhere(holdings: Holdings, of_organization: frozenset[Permission]) -> frozenset[Permission]:
    """Rights held in the organization, or in some deployment or part of one."""
    allowed = (held.permissions for held in holdings.grants if held.effect == Effect.ALLOW)
    return NOTHING.union(*allowed) - ORGANIZATION_WIDE | holdings.in_organization() | of_organization


def terms_after(token: ApiToken, changes: Mapping[str, Any]) -> Terms:
    """What a token will be cut down to when these changes are made."""
    return Terms(
        **{name: changes.get(name, getattr(token, name)) for name in ("scopes", "expires_at", "allowed_networks")}
    )


def _check_held(scopes: Sequence[str] | None, held: frozenset[Permission], who: str) -> None:
    missing = sorted(set(scopes or ()) & {str(permission) for permission in Permission} - {str(p) for p in held})
    if missing:
        raise InvalidError(f"{who} no {missing[0]}, so a token cannot either. Have it granted first.", attr="scopes")


def _check_holds_no_more(access: Access, holdings: Holdings, scopes: Sequence[str] | None) -> None:
    """The token speaks with the rights of the account: its maker must hold them where the account does."""
    limit = TOKEN_SCOPES[TokenKind.SERVICE]
    if scopes is not None:
        limit &= permissions_named(scopes)
    for held in holdings.grants:
        if held.effect != Effect.ALLOW:
            continue
        wanted = held.permissions & limit
        if held.scope != GrantScope.ORGANIZATION:
            wanted -= ORGANIZATION_WIDE
        missing = wanted - _held_where(access, held)
        if missing:
            raise ForbiddenError(
                f"The service account holds {min(missing)} where you do not. Leave that scope out, or ask an Organization Admin."
            )


def _held_where(access: Access, held: Holding) -> frozenset[Permission]:
    """What the caller holds on everything that a grant is on.

    SECURITY: nothing of deployments where a part of them is hidden from the caller: the account would show it to them. Whoever can lift
    their own denials is past that.
    """
    everywhere = held_in_organization(access)
    if access.allows(Permission.MEMBER_WRITE):
        return everywhere
    if held.scope == GrantScope.ORGANIZATION:
        is_denied = any(own.effect == Effect.DENY for own in access.holdings.grants)
        return everywhere - (OF_DEPLOYMENTS if is_denied else NOTHING)
    named = places(access.org.id, [held.deployment_id]).get(held.deployment_id) if held.deployment_id else None
    rights = rights_over(access, held.scope, named.place if named else None)
    return access.permissions - OF_DEPLOYMENTS | (NOTHING if rights.hidden else rights.everywhere)


def _check_within(maker: TokenClaims, kind: TokenKind, terms: Terms) -> None:
    """A token made with a token can do no more, lives no longer, and is used from nowhere else."""
    scoped = kind in {TokenKind.USER, TokenKind.SERVICE} and maker.scopes is not None
    if scoped and (terms.scopes is None or set(terms.scopes) - {str(scope) for scope in maker.limit}):
        raise ForbiddenError("The token you use is limited to scopes. What it makes can have no others: name them.")
    if maker.expires_at is not None and (terms.expires_at is None or terms.expires_at > maker.expires_at):
        raise ForbiddenError(
            f"The token you use expires at {maker.expires_at.isoformat(timespec='seconds')}. What it makes cannot live longer."
        )
    if not lies_within(terms.allowed_networks, maker.allowed_networks):
        raise ForbiddenError(
            "The token you use is limited to networks. What it makes must be limited to those or fewer."
        )
