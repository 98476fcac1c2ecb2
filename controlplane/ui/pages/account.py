"""One-time sign-in links, appearance, and where `/` leads. What else there is of signing in, account_urls.py names."""

from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import View

from controlplane.deployments import selectors as deployments
from controlplane.deployments.models import DeploymentKind
from controlplane.ui.links import Links
from controlplane.ui.theme import COOKIE, THEMES, YEAR_SECONDS
from tenants.access import organizations_of
from tenants.accounts.sign_in import sign_in
from tenants.authentication import session_principal
from tenants.errors import NotFoundError
from tenants.http import OrgPage
from tenants.permissions import Permission
from tenants.services import redeem_sign_in_link


class SignInLink(View):
    """A one-time link. It is used up by the button and not by opening it: mail scanners open links too."""

    def get(self, request: HttpRequest, text: str) -> HttpResponse:
        return render(request, "account/sign_in_link.html")

    def post(self, request: HttpRequest, text: str) -> HttpResponseBase:
        try:
            user = redeem_sign_in_link(text)
        except NotFoundError as error:
            return render(request, "account/sign_in_link.html", {"error": error.message}, status=error.status)
        return sign_in(request, user, method="link")


class Appearance(View):
    """Remembers light, dark, or the system's choice."""

    def post(self, request: HttpRequest) -> HttpResponse:
        chosen = request.POST.get("theme", "")
        theme = chosen if chosen in THEMES else "system"
        response = redirect(_safe_path(request, request.POST.get("next", "/")))
        response.set_cookie(COOKIE, theme, max_age=YEAR_SECONDS, samesite="Lax", secure=request.is_secure())
        return response


class Home(View):
    """`/`: the first deployment of the first organization that has one."""

    def get(self, request: HttpRequest) -> HttpResponse:
        principal = session_principal(request)
        if principal is None:
            return redirect("sign-in")
        organizations = organizations_of(principal)
        if not organizations:
            return render(request, "account/no_organization.html", {"person": principal.actor.label})
        return redirect("pages:organization", org=organizations[0].slug)


class OrganizationHome(OrgPage):
    """`/<org>`: its first full deployment."""

    permissions = {"GET": Permission.ORGANIZATION_READ}

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        found = deployments.deployments_for(self.access)
        first = next(iter(sorted(found, key=lambda one: one.kind != DeploymentKind.FULL)), None)
        if first is None:
            makes = self.access.allows(Permission.FULL_DEPLOYMENT_WRITE)
            context = {"org": self.access.org, "person": self.access.actor.label, "makes": makes}
            return render(request, "account/no_organization.html", context)
        return redirect(Links(org=self.access.org.slug, deployment=first.name).page("overview"))


def _safe_path(request: HttpRequest, address: str) -> str:
    # SECURITY: only paths of ours, or the form could be used to send people elsewhere.
    allowed = url_has_allowed_host_and_scheme(address, allowed_hosts={request.get_host()})
    return address if allowed and not urlsplit(address).netloc else "/"
