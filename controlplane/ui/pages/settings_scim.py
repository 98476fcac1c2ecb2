"""Provisioning: the address and the tokens that an identity provider needs, and what it manages."""

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from controlplane.ui.pages.settings_base import SettingsPage
from tenants import token_services
from tenants.errors import InvalidError, NotFoundError
from tenants.models import TokenKind
from tenants.permissions import Permission
from tenants.scim.selectors import overview


class Scim(SettingsPage):
    """How to connect an identity provider, and what it manages now."""

    permissions: ClassVar = {"GET": Permission.SSO_WRITE}
    section = "settings-scim"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.shown(request)

    def shown(self, request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
        return self.render(
            request,
            "settings/scim.html",
            status=status,
            overview=overview(self.access.org.id),
            address=f"{settings.PUBLIC_URL}/scim/v2",
            any_domain=settings.SCIM_ANY_DOMAIN,
            **context,
        )


class NewToken(Scim):
    """Makes a token and shows it once."""

    permissions: ClassVar = {"GET": Permission.SSO_WRITE, "POST": Permission.SSO_WRITE}

    def get(self, request: HttpRequest) -> HttpResponse:
        return redirect("pages:settings-scim", org=self.access.org.slug)

    def post(self, request: HttpRequest) -> HttpResponse:
        name = request.POST.get("name", "").strip()
        try:
            issued = token_services.issue_token(
                org_id=self.access.org.id, kind=TokenKind.SCIM, name=name, actor=self.access.actor
            )
        except InvalidError as error:
            return self.shown(request, status=error.status, name=name, name_error=error.message)
        response = self.shown(request, made=issued)
        # SECURITY: the secret stays out of every cache.
        response["Cache-Control"] = "no-store"
        return response


class RevokeToken(SettingsPage):
    permissions: ClassVar = {"POST": Permission.SSO_WRITE}

    def post(self, request: HttpRequest, token_id: UUID) -> HttpResponse:
        if token_id not in {token.id for token in overview(self.access.org.id).tokens}:
            raise NotFoundError("There is no such SCIM token, or it is revoked already.")
        token_services.revoke_token(org_id=self.access.org.id, token_id=token_id, actor=self.access.actor)
        messages.success(request, "The token is revoked: the identity provider is refused within seconds.")
        return redirect("pages:settings-scim", org=self.access.org.slug)
