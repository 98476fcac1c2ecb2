"""Single sign-on of an organization: its connections and domains at a glance."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from controlplane.ui.pages.settings_base import SettingsPage
from controlplane.ui.sso_guides import next_guides
from tenants.errors import AppError
from tenants.permissions import Permission
from tenants.sso import connections, domains, selectors
from tenants.sso.connections import ConnectionValues
from tenants.sso.models import Protocol, SsoDomain


class SsoPage(SettingsPage):
    """A page of single sign-on."""

    section = "settings-sso"

    @property
    def org_id(self) -> UUID:
        return self.access.org.id

    def overview(self, request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
        """Everything there is; `error` and `name` say what was wrong with the domain that somebody typed."""
        found = list(selectors.connections(self.org_id))
        known = [(domain, domains.record_of(domain)) for domain in selectors.domains(self.org_id)]
        guides = [] if found else next_guides(self.org_id, selectors.next_number(self.org_id))
        page = {"connections": found, "domains": known, "guides": guides, "protocols": Protocol}
        return self.render(request, "settings/sso.html", status=status, **page, **context)

    def back(self) -> HttpResponse:
        return redirect("pages:settings-sso", org=self.access.org.slug)


class Sso(SsoPage):
    """Connections and domains."""

    permissions: ClassVar = {"GET": Permission.SSO_WRITE}

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return self.overview(request)


class NewConnection(SsoPage):
    """Makes a connection, switched off, and leads to its page."""

    permissions: ClassVar = {"POST": Permission.SSO_WRITE}

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        given = request.POST.get("protocol", "")
        protocol = Protocol(given) if given in Protocol.values else Protocol.OIDC
        made = connections.create_connection(
            org_id=self.org_id, protocol=protocol, values=ConnectionValues(), actor=self.access.actor
        )
        return redirect("pages:settings-sso-connection", org=self.access.org.slug, connection_id=made.id)


class NewDomain(SsoPage):
    """Adds a domain, which is verified afterwards."""

    permissions: ClassVar = {"POST": Permission.SSO_WRITE}

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        name = request.POST.get("name", "")
        try:
            domains.add_domain(org_id=self.org_id, name=name, actor=self.access.actor)
        except AppError as error:
            return self.overview(request, status=error.status, domain_error=error.message, domain_name=name)
        return self.back()


class DomainPage(SsoPage):
    """Something done to one domain."""

    domain: SsoDomain

    def enter(self, kwargs: dict[str, Any]) -> None:
        super().enter(kwargs)
        self.domain = selectors.domain(self.org_id, kwargs.pop("domain_id"))


class VerifyDomain(DomainPage):
    """Looks the TXT record up now."""

    permissions: ClassVar = {"POST": Permission.SSO_WRITE}

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        try:
            domain = domains.verify_domain(org_id=self.org_id, domain_id=self.domain.id, actor=self.access.actor)
        except AppError as error:
            return self.overview(request, status=error.status, error=error.message)
        if domain.verified_at is not None and not domain.check_error:
            messages.success(request, f"{domain.name} is verified.")
        else:
            messages.error(request, domain.check_error)
        return self.back()


class SetDomain(DomainPage):
    """Which connection serves a domain, and whether it is enforced."""

    permissions: ClassVar = {"POST": Permission.SSO_WRITE}

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        wanted = request.POST.get("connection", "")
        try:
            domain = domains.set_domain(
                org_id=self.org_id,
                domain_id=self.domain.id,
                connection_id=UUID(wanted) if wanted else None,
                is_enforced=bool(request.POST.get("enforced")),
                actor=self.access.actor,
            )
        except (AppError, ValueError) as error:
            message = error.message if isinstance(error, AppError) else "Choose one of the connections."
            return self.overview(request, status=409, error=message)
        messages.success(request, f"{domain.name} is saved.")
        return self.back()


class RemoveDomain(DomainPage):
    """Gives a domain up."""

    permissions: ClassVar = {"POST": Permission.SSO_WRITE}

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        domains.remove_domain(org_id=self.org_id, domain_id=self.domain.id, actor=self.access.actor)
        messages.success(request, "The domain is removed.")
        return self.back()
