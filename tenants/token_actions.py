"""What a caller does to tokens, for REST and pages alike: first whether they may (token_rules.py), then the change (token_services.py)."""

import datetime
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from tenants import token_services
from tenants.access import Access, Principal
from tenants.errors import InvalidError
from tenants.models import ApiToken, ServiceAccount, TokenKind
from tenants.reach import Reach
from tenants.scoping import org_scope
from tenants.selectors import person
from tenants.service_accounts import service_account
from tenants.token_rules import (
    Terms,
    access_token,
    check_reach,
    check_terms,
    require_may_change,
    require_may_make,
    terms_after,
)
from tenants.token_services import IssuedToken


def make_token(
    access: Access,
    principal: Principal,
    *,
    kind: TokenKind,
    name: str,
    terms: Terms,
    reach: Reach | None = None,
    service_account_id: UUID | None = None,
) -> IssuedToken:
    """A new token: of the caller, of a service account, for agents, or for SCIM. ForbiddenError and InvalidError as token_rules say."""
    require_may_make(access, kind)
    with org_scope(access.org.id):
        account = _account(access, kind, service_account_id)
        check_terms(access, principal, kind, terms, account)
        return token_services.issue_token(
            org_id=access.org.id,
            kind=kind,
            name=name,
            actor=access.actor,
            user=person(principal.user_id) if kind == TokenKind.USER else None,
            service_account=account,
            scopes=terms.scopes,
            reach=check_reach(access.org.id, reach),
            allowed_networks=terms.allowed_networks,
            expires_at=terms.expires_at,
        )


def change_token(access: Access, principal: Principal, token_id: UUID, changes: Mapping[str, Any]) -> ApiToken:
    """Change name, scopes, reach (a Reach), allowed_networks or expires_at. NotFoundError for a token that is not the caller's to manage."""
    with org_scope(access.org.id):
        token = access_token(access, principal, token_id)
        require_may_change(access, principal, token)
        check_terms(access, principal, TokenKind(token.kind), terms_after(token, changes), token.service_account)
        check_reach(access.org.id, changes.get("reach"))
        return token_services.update_token(org_id=access.org.id, token_id=token.id, actor=access.actor, changes=changes)


def rotate(
    access: Access,
    principal: Principal,
    token_id: UUID,
    *,
    expires_at: datetime.datetime | None = None,
    old_expires_at: datetime.datetime | None = None,
) -> IssuedToken:
    """A second live token in the place of this one; ConflictError when there are two already."""
    with org_scope(access.org.id):
        token = access_token(access, principal, token_id)
        require_may_change(access, principal, token)
        until = expires_at or token_services.successor_expiry(token)
        terms = Terms(token.scopes, until, token.allowed_networks)
        check_terms(access, principal, TokenKind(token.kind), terms, token.service_account)
        return token_services.rotate_token(
            org_id=access.org.id,
            token_id=token.id,
            actor=access.actor,
            expires_at=until,
            old_expires_at=old_expires_at,
        )


def revoke(access: Access, principal: Principal, token_id: UUID, *, reason: str = "") -> ApiToken:
    """Kill a token that the caller may manage; NotFoundError for others."""
    with org_scope(access.org.id):
        token = access_token(access, principal, token_id)
        token_services.revoke_token(org_id=access.org.id, token_id=token.id, actor=access.actor, reason=reason)
    return token


def _account(access: Access, kind: TokenKind, account_id: UUID | None) -> ServiceAccount | None:
    if (kind == TokenKind.SERVICE) != (account_id is not None):
        raise InvalidError(
            "A token of the kind service names its service account, and no other token names one.",
            attr="service_account",
        )
    return service_account(access.org.id, account_id) if account_id is not None else None
