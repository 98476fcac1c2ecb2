"""Middleware: sessions that single sign-on opened end with what they rest on, and single sign-on that is required is said in words."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from tenants.models import Membership
from tenants.scoping import org_scope
from tenants.sso.addresses import ConnectionKey
from tenants.sso.enforcement import SsoRequiredError, require_for_address
from tenants.sso.models import SsoIdentity
from tenants.sso.session_notes import SsoNote, note_of

# Forms in which somebody types an address to sign in with, or to get in by mail; and the field it stands in.
_TYPED = {
    "account_login": "login",
    "sign-in": "login",
    "account_request_login_code": "email",
    "account_signup": "email",
    "account_reset_password": "email",
}
_OWN_ACCOUNT = "/account/"
_OPEN_TO_ALL = "/account/sso/"


def still_rests(request: HttpRequest) -> bool:
    """Whether all that the session rests on is still there; True for one that single sign-on did not open. For what is served without
    middleware.
    """
    note = note_of(request)
    return note is None or _rests(note)


class SsoSessions:
    """Ends, confines, refuses."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        note = note_of(request) if request.user.is_authenticated else None
        if note is not None and not _rests(note):
            logout(request)
        elif note is not None and note.confined and _is_own_account(request.path):
            # SECURITY: whoever can sign in as somebody must not be able to become them for good: new password, address, keys.
            return render(request, "account/sso_confined.html", {"person": str(request.user)}, status=403)
        return self.get_response(request)

    def process_view(self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any) -> HttpResponse | None:
        name = getattr(request.resolver_match, "url_name", None)
        field = _TYPED.get(name or "")
        if request.method != "POST" or field is None:
            return None
        try:
            # Before anybody is looked up: the answer depends on the domain alone.
            require_for_address(request.POST.get(field, "").replace("\0", ""))
        except SsoRequiredError as error:
            return _required(request, error)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return _required(request, exception) if isinstance(exception, SsoRequiredError) else None


def _rests(note: SsoNote) -> bool:
    """Whether the connection is still on, the person still linked, and an active member."""
    key = ConnectionKey.parse(note.connection)
    with org_scope(key.org_id):
        linked = SsoIdentity.objects.for_org(key.org_id).filter(
            user_id=UUID(note.user), connection__number=key.number, connection__is_enabled=True
        )
        member = Membership.objects.for_org(key.org_id).filter(user_id=UUID(note.user), is_active=True)
        return linked.exists() and member.exists()


def _is_own_account(path: str) -> bool:
    return path.startswith(_OWN_ACCOUNT) and not path.startswith(_OPEN_TO_ALL)


def _required(request: HttpRequest, error: SsoRequiredError) -> HttpResponse:
    following = request.POST.get("next", "") or request.GET.get("next", "")
    address = reverse("sso-login", args=[error.found.key])
    context = {
        "error": error.message,
        "org": error.found.org,
        "address": f"{address}?{urlencode({'next': following})}" if following else address,
    }
    return render(request, "account/sso_required.html", context, status=error.status)
