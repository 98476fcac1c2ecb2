"""A person's own account: profile, sessions, and making an organization. What else there is, account_urls.py names."""

from typing import Any

from allauth.account.views import LogoutView
from allauth.mfa.webauthn.views import EditWebAuthnView
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views import View

from controlplane.deployments.services import create_deployment
from tenants.access import Principal, organizations_of
from tenants.accounts.audit import record_of
from tenants.accounts.profile import rename
from tenants.accounts.sessions import end_other_sessions, end_session, open_sessions
from tenants.addresses import client_address
from tenants.authentication import session_principal
from tenants.errors import AppError, ForbiddenError
from tenants.models import User
from tenants.services import create_organization

_FIRST_DEPLOYMENT = "prod"


class AccountPage(View):
    """A page of whoever is signed in; others sign in first."""

    principal: Principal
    user: User

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        principal = session_principal(request)
        if principal is None:
            return redirect_to_login(request.get_full_path())
        assert principal.user is not None  # a session is a person's
        self.principal, self.user = principal, principal.user
        return super().dispatch(request, *args, **kwargs)


class Profile(AccountPage):
    """What one is called, and to which organizations one belongs."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            rename(self.user, request.POST.get("name", ""), address=self.principal.address)
        except AppError as error:
            return self._page(request, error=error.message, status=error.status)
        messages.success(request, "Your name is changed.")
        return redirect("account-profile")

    def _page(self, request: HttpRequest, *, error: str = "", status: int = 200) -> HttpResponse:
        organizations = organizations_of(self.principal)
        context = {"person": self.user, "organizations": organizations, "error": error}
        return render(request, "account/profile.html", context, status=status)


class Sessions(AccountPage):
    """Where one is signed in."""

    def get(self, request: HttpRequest) -> HttpResponse:
        sessions = open_sessions(self.user, current=request.session.session_key)
        return render(request, "account/sessions.html", {"sessions": sessions})


class EndSession(AccountPage):
    """Signs one browser out."""

    def post(self, request: HttpRequest, session_id: int) -> HttpResponse:
        end_session(self.user, session_id, address=self.principal.address)
        messages.success(request, "The session has ended.")
        return redirect("account-sessions")


class EndOtherSessions(AccountPage):
    """Signs every other browser out."""

    def post(self, request: HttpRequest) -> HttpResponse:
        key = request.session.session_key
        ended = end_other_sessions(self.user, current=key, address=self.principal.address)
        messages.success(request, f"Signed out of {ended} other session{'' if ended == 1 else 's'}.")
        return redirect("account-sessions")


class SignOut(LogoutView):  # type: ignore[misc, unused-ignore]  # allauth ships no types
    """Ends the session, and says so in the audit log."""

    def post(self, *args: Any, **kwargs: Any) -> HttpResponseBase:
        principal = session_principal(self.request)
        if principal is not None and principal.user is not None:
            record_of(principal.user, "sign_out", address=principal.address)
        answer: HttpResponseBase = super().post(*args, **kwargs)
        return answer


class RenameKey(EditWebAuthnView):  # type: ignore[misc, unused-ignore]  # allauth ships no types
    """Changes what a security key is called."""

    def form_valid(self, form: Any) -> HttpResponse:
        before = {"name": self.object.wrap().name}
        answer: HttpResponse = super().form_valid(form)
        after = {"name": form.cleaned_data["name"]}
        record_of(self.request.user, "mfa.rename", address=client_address(self.request), before=before, after=after)
        return answer


class NewOrganization(AccountPage):
    """Makes an organization with its first deployment, where anybody may."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if settings.SIGN_UP != "open" and session_principal(request) is not None:
            raise ForbiddenError("Only whoever runs this installation makes organizations: `daggerboard createuser`.")
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "account/new_organization.html", {})

    def post(self, request: HttpRequest) -> HttpResponse:
        name = request.POST.get("name", "").strip()
        slug = request.POST.get("slug", "").strip() or slugify(name)
        try:
            self._create(name, slug)
        except AppError as error:
            context = {"name": name, "slug": slug, "error": error.message, "attr": error.attr}
            return render(request, "account/new_organization.html", context, status=error.status)
        return redirect("pages:organization", org=slug)

    @transaction.atomic
    def _create(self, name: str, slug: str) -> None:
        org = create_organization(slug=slug, name=name or slug, owner=self.user)
        create_deployment(org_id=org.id, name=_FIRST_DEPLOYMENT, actor=self.principal.actor)
