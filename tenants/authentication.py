"""From a request to a Principal: bearer tokens for programs, sessions for people."""

import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from tenants.access import Principal, TokenClaims
from tenants.addresses import client_address
from tenants.models import User
from tenants.sso.session_notes import confined_to
from tenants.token_verification import verify_token

# One answer for all: who guesses learns nothing.
UNBELIEVED = "This token is not known here, was revoked, has expired, or may not be used from your network address."

# In a session: when it began, in seconds since 1970.
_SIGNED_IN_AT = "signed_in_at"


class BearerAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer dgb_…`."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[Principal, TokenClaims] | None:
        text = self.token_text(request)
        if text is None:
            return None
        address = client_address(request._request)  # noqa: SLF001 - as below
        claims = verify_token(text, address=address)
        if claims is None:
            raise exceptions.AuthenticationFailed(UNBELIEVED)
        return Principal(token=claims, address=address), claims

    def token_text(self, request: Request) -> str | None:
        """What the request shows; None without a token."""
        return bearer_text(request.headers.get("Authorization", ""))

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
    return Principal(
        user=user,
        address=client_address(request),
        signed_in_at=_signed_in_at(request),
        only_org_id=confined_to(request),
    )


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
