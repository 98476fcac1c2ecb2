"""One connection to an identity provider: what to copy there, what it said, testing it, switching it on."""

from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from controlplane.ui.pages.settings_sso import SsoPage
from controlplane.ui.sso_guides import guide_of
from tenants.errors import AppError
from tenants.models import Role
from tenants.permissions import Permission
from tenants.sso import connections, selectors
from tenants.sso.addresses import ConnectionKey, addresses_of
from tenants.sso.connections import MAPPED, ConnectionValues
from tenants.sso.flow import TEST_RESULT
from tenants.sso.models import Protocol, SsoConnection

_TEXTS = (
    "name",
    "jit_role",
    "issuer",
    "client_id",
    "client_secret",
    "metadata",
    "entity_id",
    "sso_url",
    "certificates",
)
# Roles that single sign-on may give to strangers, and none.
_JIT_ROLES = [("", "Nobody: refuse people who are no members")] + [
    (role.value, role.label) for role in Role if role != Role.ORGANIZATION_ADMIN
]


class ConnectionPage(SsoPage):
    """A page of one connection."""

    connection: SsoConnection

    def enter(self, kwargs: dict[str, Any]) -> None:
        super().enter(kwargs)
        self.connection = selectors.connection(self.org_id, kwargs.pop("connection_id"))

    def form(self, request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
        """The connection's page."""
        protocol = Protocol(self.connection.protocol)
        ours = addresses_of(protocol, ConnectionKey.of(self.connection))
        page = {
            "connection": self.connection,
            "ours": ours,
            "guide": guide_of(protocol, ours),
            "missing": connections.missing_values(self.connection),
            "roles": _JIT_ROLES,
            "mapped": [
                (name, request.POST.get(f"mapping_{name}", self.connection.attribute_mapping.get(name, "")))
                for name in MAPPED
            ],
            "certificates": "\n".join(self.connection.certificates),
            "link": reverse("sso-link", args=[ours.key]),
            "linked": selectors.identities(self.org_id, self.connection.id).count(),
        }
        return self.render(request, "settings/sso_connection.html", status=status, **{**page, **context})

    def here(self) -> str:
        return reverse("pages:settings-sso-connection", args=[self.access.org.slug, self.connection.id])


class Connection(ConnectionPage):
    """Shows and changes a connection."""

    permissions: ClassVar = {"GET": Permission.SSO_WRITE, "POST": Permission.SSO_WRITE}

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return self.form(request)

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        try:
            connections.update_connection(
                org_id=self.org_id,
                connection_id=self.connection.id,
                values=_values(request, Protocol(self.connection.protocol)),
                actor=self.access.actor,
            )
        except AppError as error:
            self._keep_typed(request)
            return self.form(request, status=error.status, error=error.message, attr=error.attr, given=request.POST)
        messages.success(request, "The connection is saved.")
        return redirect(self.here())

    def _keep_typed(self, request: HttpRequest) -> None:
        """Show what was typed, which is not stored."""
        for name in ("name", "issuer", "client_id", "entity_id", "sso_url", "jit_role"):
            setattr(self.connection, name, request.POST.get(name, getattr(self.connection, name)))


class SwitchConnection(ConnectionPage):
    """On or off."""

    permissions: ClassVar = {"POST": Permission.SSO_WRITE}

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        on = request.POST.get("on") == "1"
        try:
            connections.switch_connection(
                org_id=self.org_id, connection_id=self.connection.id, on=on, actor=self.access.actor
            )
        except AppError as error:
            return self.form(request, status=error.status, error=error.message)
        messages.success(
            request, "The connection is on." if on else "The connection is off. The sessions it opened end."
        )
        return redirect(self.here())


class DeleteConnection(ConnectionPage):
    """Deletes a connection and the links it made."""

    permissions: ClassVar = {"POST": Permission.SSO_WRITE}

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        try:
            connections.delete_connection(org_id=self.org_id, connection_id=self.connection.id, actor=self.access.actor)
        except AppError as error:
            return self.form(request, status=error.status, error=error.message)
        messages.success(request, "The connection is deleted.")
        return self.back()


class TestConnection(ConnectionPage):
    """Goes to the provider and back without signing anybody in. A link and not a form: forms may not lead to other sites (CSP)."""

    permissions: ClassVar = {"GET": Permission.SSO_WRITE}

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        missing = connections.missing_values(self.connection)
        if missing:
            return self.form(request, status=409, error=f"The connection needs {', '.join(missing)} first.")
        result = reverse("pages:settings-sso-tested", args=[self.access.org.slug, self.connection.id])
        begin = reverse("sso-test", args=[str(ConnectionKey.of(self.connection))])
        return redirect(f"{begin}?{urlencode({'next': result})}")


class TestedConnection(ConnectionPage):
    """What the last test of this browser brought; shown once, stored nowhere."""

    permissions: ClassVar = {"GET": Permission.SSO_WRITE}

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        result = request.session.pop(TEST_RESULT, None)
        if not isinstance(result, dict) or result.get("connection") != str(self.connection.id):
            return redirect(self.here())
        response = self.render(request, "settings/sso_tested.html", connection=self.connection, result=result)
        response["Cache-Control"] = "no-store"
        return response


def _values(request: HttpRequest, protocol: Protocol) -> ConnectionValues:
    given = {name: request.POST[name] for name in _TEXTS if name in request.POST}
    upload = request.FILES.get("metadata_file")
    if upload is not None and not given.get("metadata", "").strip():
        given["metadata"] = upload.read(1024 * 1024).decode("utf-8", "replace")
    return ConnectionValues(
        **given,
        allow_idp_initiated=bool(request.POST.get("allow_idp_initiated")) if protocol == Protocol.SAML else None,
        attribute_mapping={name: request.POST.get(f"mapping_{name}", "") for name in MAPPED},
    )
