"""Service accounts in the settings: the list, and one with its grants and tokens."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from controlplane.ui.grant_form import grant_form, terms_of_form
from controlplane.ui.pages.settings_people_base import PeoplePage
from controlplane.ui.paging import asked
from controlplane.ui.token_form import empty_form
from tenants import service_accounts
from tenants.models import TokenKind
from tenants.paging import page_of_rows
from tenants.people import grants
from tenants.people.grants import Holder, HolderKind
from tenants.permissions import Permission
from tenants.token_rules import visible_tokens

_WRITE = Permission.SERVICE_ACCOUNT_WRITE


class ServiceAccounts(PeoplePage):
    """Every service account, and the form of a new one."""

    permissions: ClassVar = {"GET": _WRITE, "POST": _WRITE}
    section = "settings-service-accounts"

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        page = page_of_rows(service_accounts.service_accounts(self.org_id), asked(request), by=["-id"])
        counts = service_accounts.token_counts(self.org_id, [account.id for account in page.results])
        lines = [{"account": account, "tokens": counts.get(account.id)} for account in page.results]
        return self.render(request, "settings/service_accounts.html", lines=lines, page=page)

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        name = request.POST.get("name", "")
        return self.changed(
            request,
            lambda: service_accounts.create_service_account(
                org_id=self.org_id,
                actor=self.access.actor,
                name=name,
                description=request.POST.get("description", ""),
            ),
            f"{name.strip()} is there. Give it a role, then make a token for it.",
            self.address("settings-service-accounts"),
        )


class ServiceAccount(PeoplePage):
    """One service account: what it holds, its tokens; disabled, enabled, renamed."""

    permissions: ClassVar = {"GET": _WRITE, "POST": _WRITE}
    section = "settings-service-accounts"

    def get(self, request: HttpRequest, service_account_id: UUID, **_kwargs: Any) -> HttpResponse:
        account = service_accounts.service_account(self.org_id, service_account_id)
        rows = self.viewer.rows().filter(service_account_id=account.id).order_by("id")
        tokens = visible_tokens(self.access, self.principal).filter(service_account_id=account.id)
        context: dict[str, Any] = {
            "account": account,
            "grants": [self.viewer.view(row) for row in rows],
            "grant_form": grant_form(self.access, self.viewer),
            "tokens": tokens.order_by("-id"),
            "form": empty_form(self.access, TokenKind.SERVICE, account),
        }
        return self.render(request, "settings/service_account.html", **context)

    def post(self, request: HttpRequest, service_account_id: UUID, **_kwargs: Any) -> HttpResponse:
        active = request.POST.get("is_active")
        changes = service_accounts.Changes(
            name=request.POST.get("name"),
            description=request.POST.get("description"),
            is_active=None if active is None else active == "1",
        )
        return self.changed(
            request,
            lambda: service_accounts.update_service_account(
                org_id=self.org_id, actor=self.access.actor, account_id=service_account_id, changes=changes
            ),
            "Saved. It holds everywhere within seconds.",
            self.address("settings-service-account", service_account_id=service_account_id),
        )


class GiveToServiceAccount(PeoplePage):
    """Gives a role to a service account, or denies it something."""

    permissions: ClassVar = {"GET": _WRITE, "POST": _WRITE}

    def get(self, request: HttpRequest, service_account_id: UUID, **_kwargs: Any) -> HttpResponse:
        account = service_accounts.service_account(self.org_id, service_account_id)
        return redirect(self.address("settings-service-account", service_account_id=account.id))

    def post(self, request: HttpRequest, service_account_id: UUID, **_kwargs: Any) -> HttpResponse:
        service_accounts.service_account(self.org_id, service_account_id)
        holder = Holder(HolderKind.SERVICE_ACCOUNT, service_account_id)
        return self.changed(
            request,
            lambda: grants.grant(access=self.access, holder=holder, terms=terms_of_form(request.POST)),
            "Given. It holds from the next request on.",
            self.address("settings-service-account", service_account_id=service_account_id),
        )


class DeleteServiceAccount(PeoplePage):
    """Takes a service account away, with its grants and tokens."""

    permissions: ClassVar = {"POST": _WRITE}

    def post(self, request: HttpRequest, service_account_id: UUID, **_kwargs: Any) -> HttpResponse:
        account = service_accounts.service_account(self.org_id, service_account_id)
        return self.changed(
            request,
            lambda: service_accounts.delete_service_account(
                org_id=self.org_id, actor=self.access.actor, account_id=account.id
            ),
            f"{account.name} is deleted, with its tokens.",
            self.address("settings-service-accounts"),
        )
