"""Git hosts of an organization: connections, setting one up step by step, its repositories and the webhooks that came."""

import re
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from controlplane.delivery.connections import repositories, webhooks
from controlplane.delivery.connections import services as connections
from controlplane.delivery.connections.serializers import base_shown
from controlplane.delivery.connections.services import DEFAULT_URLS, ConnectionValues, NewConnection
from controlplane.delivery.models import GitConnection, Provider
from controlplane.ui.git_guides import guide_of
from controlplane.ui.pages.settings_base import SettingsPage
from tenants.errors import AppError
from tenants.permissions import Permission

_TEXTS = ("name", "api_url", "app_id", "installation_id", "credential", "webhook_secret")
_SECRET = frozenset({"credential", "webhook_secret"})
# What is shown of thirty days; REST has all of them.
_WEBHOOKS_SHOWN = 25
# A name of an account at a host: nothing else gets into the address that we lead to.
_ACCOUNT = re.compile(r"[A-Za-z0-9_.-]{1,100}")


class GitPage(SettingsPage):
    """A page about Git hosts."""

    section = "settings-git"

    @property
    def org_id(self) -> UUID:
        return self.access.org.id


class GitHosts(GitPage):
    """The connections."""

    permissions: ClassVar = {"GET": Permission.ORGANIZATION_READ}

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        counts = repositories.repositories(self.org_id).filter(gone_at=None).values("connection_id")
        by_connection = dict(counts.annotate(n=Count("id")).values_list("connection_id", "n"))
        rows = [
            (row, connections.missing_values(row), by_connection.get(row.id, 0))
            for row in connections.connections(self.org_id).order_by("name", "id")
        ]
        return self.render(request, "settings/git.html", rows=rows, providers=Provider)


class NewGitConnection(GitPage):
    """The first step: a name and an address. What the host needs is shown after it, the webhook secret once."""

    permissions: ClassVar = {"GET": Permission.ORGANIZATION_WRITE, "POST": Permission.ORGANIZATION_WRITE}

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        provider = _provider(request.GET.get("provider", ""))
        return self._form(request, provider, given={"name": provider.label, "api_url": DEFAULT_URLS[provider]})

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        provider = _provider(request.POST.get("provider", ""))
        given = {name: request.POST.get(name, "") for name in ("name", "api_url")}
        try:
            made = connections.create_connection(
                org_id=self.org_id, provider=provider, values=ConnectionValues(**given), actor=self.access.actor
            )
        except AppError as error:
            return self._form(request, provider, status=error.status, given=given, error=error.message, attr=error.attr)
        return shown_once(self, request, made)

    def _form(self, request: HttpRequest, provider: Provider, *, status: int = 200, **context: Any) -> HttpResponse:
        return self.render(request, "settings/git_new.html", status=status, provider=provider, **context)


class ConnectionPage(GitPage):
    """A page of one connection."""

    connection: GitConnection

    def enter(self, kwargs: dict[str, Any]) -> None:
        super().enter(kwargs)
        self.connection = connections.access_connection(self.org_id, kwargs.pop("git_connection_id"))

    @property
    def who(self) -> dict[str, Any]:
        return {"org_id": self.org_id, "connection_id": self.connection.id, "actor": self.access.actor}

    def here(self) -> HttpResponse:
        return redirect(reverse("pages:settings-git-connection", args=[self.access.org.slug, self.connection.id]))

    def form(self, request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
        """The connection's page."""
        asked = request.GET.get("account", "")
        account = asked if _ACCOUNT.fullmatch(asked) else ""
        rows = repositories.repositories(self.org_id, self.connection.id).order_by("gone_at", "full_name", "id")
        found = webhooks.deliveries(self.org_id, self.connection.id).order_by("-received_at")[:_WEBHOOKS_SHOWN]
        page = {
            "connection": self.connection,
            "missing": connections.missing_values(self.connection),
            "guide": guide_of(self.connection, account),
            "account": account,
            "repositories": [(row, base_shown(self.access, row)) for row in rows],
            "webhooks": found,
            "given": {name: getattr(self.connection, name) for name in _TEXTS if name not in _SECRET},
        }
        return self.render(request, "settings/git_connection.html", status=status, **{**page, **context})


class Connection(ConnectionPage):
    """Shows and changes a connection."""

    permissions: ClassVar = {"GET": Permission.ORGANIZATION_READ, "POST": Permission.ORGANIZATION_WRITE}

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return self.form(request)

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        given = {name: request.POST[name] for name in _TEXTS if name in request.POST}
        # An empty field of a secret keeps what is stored.
        values = {name: text for name, text in given.items() if text.strip() or name not in _SECRET}
        try:
            connections.update_connection(values=ConnectionValues(**values), **self.who)
        except AppError as error:
            typed = {name: text for name, text in given.items() if name not in _SECRET}
            return self.form(request, status=error.status, error=error.message, attr=error.attr, given=typed)
        messages.success(request, "The connection is saved. Test it next.")
        return self.here()


class TestConnection(ConnectionPage):
    """Asks the host whose credential this is."""

    permissions: ClassVar = {"POST": Permission.ORGANIZATION_WRITE}
    in_one_scope = False

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        try:
            whose = connections.test_connection(**self.who)
        except AppError as error:
            messages.error(request, f"The test failed: {error.message}")
        else:
            messages.success(request, f"It works. The credential is that of: {whose}.")
        return self.here()


class Sync(ConnectionPage):
    """Asks the host which repositories there are."""

    permissions: ClassVar = {"POST": Permission.ORGANIZATION_WRITE}
    in_one_scope = False

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        try:
            found = repositories.sync_repositories(**self.who)
        except AppError as error:
            messages.error(request, f"The repositories could not be listed: {error.message}")
        else:
            messages.success(request, f"{found.count} repositories: {found.added} new, {found.gone} no longer reached.")
        return self.here()


class RenewSecret(ConnectionPage):
    """Makes another webhook secret, and shows it once."""

    permissions: ClassVar = {"POST": Permission.ORGANIZATION_WRITE}

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return shown_once(self, request, connections.renew_webhook_secret(**self.who))


class Delete(ConnectionPage):
    """Deletes a connection with its repositories."""

    permissions: ClassVar = {"POST": Permission.ORGANIZATION_WRITE}

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        connections.delete_connection(**self.who)
        messages.success(request, f"{self.connection.name} is deleted. Its branch deployments are being closed.")
        return redirect("pages:settings-git", org=self.access.org.slug)


def _provider(text: str) -> Provider:
    return Provider(text) if text in Provider.values else Provider.GITHUB


def shown_once(page: GitPage, request: HttpRequest, made: NewConnection) -> HttpResponse:
    """The webhook secret, the only time."""
    context: dict[str, Any] = {
        "connection": made.connection,
        "secret": made.webhook_secret,
        "guide": guide_of(made.connection, ""),
    }
    response = page.render(request, "settings/git_secret.html", **context)
    # SECURITY: the secret stays out of every cache.
    response["Cache-Control"] = "no-store"
    return response
