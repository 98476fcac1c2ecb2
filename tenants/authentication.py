"""From a request to a Principal: bearer tokens for programs, sessions for people."""

import datetime
import time
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from tenants.access import Org, Principal, TokenClaims
from tenants.addresses import client_address
from tenants.models import ApiToken, Membership, Organization, TokenKind, User
from tenants.permissions import Permission
from tenants.scoping import announce, org_scope
from tenants.tokens import ParsedToken, parse_token

# A revoked token is dead within 5 s everywhere; this is how long one process may still believe in it.
_CACHE_SECONDS = 2.0
_LAST_USED_SECONDS = 60.0
# In a session: when it began, in seconds since 1970.
_SIGNED_IN_AT = "signed_in_at"
_cache: dict[str, tuple[float, TokenClaims]] = {}


class BearerAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer dgb_…`."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[Principal, TokenClaims] | None:
        text = bearer_text(request.headers.get("Authorization", ""))
        if text is None:
            return None
        claims = verify_token(text)
        if claims is None:
            raise exceptions.AuthenticationFailed("This token is not known here, was revoked, or has expired.")
        return Principal(token=claims, address=client_address(request._request)), claims  # noqa: SLF001 - as below

    def authenticate_header(self, request: Request) -> str:
        return self.keyword


class SessionAuthentication(authentication.SessionAuthentication):
    """A signed-in browser, with CSRF protection."""

    def authenticate(self, request: Request) -> tuple[Principal, None] | None:
        principal = session_principal(request._request)  # noqa: SLF001 - DRF offers no other way to the Django request
        if principal is None:
            return None
        self.enforce_csrf(request)
        return principal, None


def session_principal(request: HttpRequest) -> Principal | None:
    """The signed-in person, or None."""
    user: Any = getattr(request, "user", None)
    if not isinstance(user, User) or not user.is_active:
        return None
    return Principal(user=user, address=client_address(request), signed_in_at=_signed_in_at(request))


def _signed_in_at(request: HttpRequest) -> datetime.datetime:
    """When the session was first seen, which is when it began."""
    seen = request.session.get(_SIGNED_IN_AT)
    if seen is None:
        seen = request.session[_SIGNED_IN_AT] = timezone.now().timestamp()
    return datetime.datetime.fromtimestamp(seen, tz=datetime.UTC)


def bearer_text(header: str) -> str | None:
    """The token in an Authorization header, or None."""
    keyword, _, text = header.partition(" ")
    return text.strip() if keyword == BearerAuthentication.keyword and text else None


def verify_token(text: str) -> TokenClaims | None:
    """Look a token up; None when it is malformed, unknown, revoked or expired. Believed for two seconds per process."""
    now = time.monotonic()
    cached = _cache.get(text)
    if cached is not None and now - cached[0] < _CACHE_SECONDS:
        return cached[1]
    _cache.pop(text, None)
    parsed = parse_token(text)
    claims = _look_up(parsed) if parsed else None
    if claims is not None:
        _forget_old(now)
        _cache[text] = (now, claims)
    return claims


def _look_up(parsed: ParsedToken) -> TokenClaims | None:
    with transaction.atomic():
        # SECURITY: the policy `by_id` shows this one row, before its organization is known.
        announce(setting="app.token", value=str(parsed.id))
        token = ApiToken.unscoped.select_related("user").filter(id=parsed.id).first()
    if token is None or token.kind != parsed.kind or not parsed.matches(token.secret_sha256) or not _is_live(token):
        return None
    if token.user_id is not None and not _is_active_member(token.org_id, token.user_id):
        return None
    organization = Organization.objects.defer("logo").get(id=token.org_id)
    _note_use(token.org_id, token)
    return TokenClaims(
        id=token.id,
        kind=TokenKind(token.kind),
        name=token.name,
        org=Org.of(organization),
        user_id=token.user_id,
        user_email=token.user.email if token.user is not None else "",
        service_account_id=token.service_account_id,
        scopes=None
        if token.scopes is None
        else frozenset(Permission(name) for name in token.scopes if name in Permission),
    )


def _is_live(token: ApiToken) -> bool:
    if token.revoked_at is not None or (token.user is not None and not token.user.is_active):
        return False
    return token.expires_at is None or token.expires_at > timezone.now()


def _is_active_member(org_id: UUID, user_id: UUID) -> bool:
    """A user token lives no longer than the membership of its person."""
    with org_scope(org_id):
        return Membership.objects.for_org(org_id).filter(user_id=user_id, is_active=True).exists()


def _note_use(org_id: UUID, token: ApiToken) -> None:
    now = timezone.now()
    if token.last_used_at is None or (now - token.last_used_at).total_seconds() > _LAST_USED_SECONDS:
        with org_scope(org_id):
            ApiToken.objects.for_org(org_id).filter(id=token.id).update(last_used_at=now)


def _forget_old(now: float) -> None:
    # A copy in one step: other threads put tokens in meanwhile.
    for text, (seen, _claims) in list(_cache.items()):
        if now - seen >= _CACHE_SECONDS:
            _cache.pop(text, None)
