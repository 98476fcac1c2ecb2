"""Tokens in the settings: one's own, everybody's, those of agents; one token; a new one, shown once."""

import shlex
from dataclasses import replace
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from controlplane.fleet import selectors as fleet
from controlplane.ui.pages.settings_people_base import PeoplePage
from controlplane.ui.paging import asked
from controlplane.ui.token_form import TokenForm, changes_of_form, empty_form, form_of, reach_of_form, terms_of_form
from tenants import token_actions
from tenants.errors import AppError, ConflictError, ForbiddenError, InvalidError, TooManyError
from tenants.models import ApiToken, TokenKind
from tenants.paging import page_of_rows
from tenants.permissions import Permission
from tenants.reach_names import reach_with_names
from tenants.service_accounts import service_account
from tenants.token_rules import RIGHT_OF, access_token, is_own, visible_tokens
from tenants.token_services import IssuedToken

# What whoever filled in a form can mend.
_MENDABLE = (ConflictError, ForbiddenError, InvalidError, TooManyError)
_READ = Permission.ORGANIZATION_READ


class TokenPage(PeoplePage):
    """What the pages of tokens share."""

    def tabs(self, current: str) -> list[dict[str, Any]]:
        """The lists that the caller may open."""
        lists = (
            ("settings-tokens", "My tokens", Permission.OWN_TOKEN_WRITE),
            ("settings-agent-tokens", "Agent tokens", Permission.AGENT_TOKEN_WRITE),
            ("settings-all-tokens", "Everybody's tokens", Permission.USER_TOKEN_WRITE),
        )
        return [
            {"label": label, "url": self.address(name), "current": name == current}
            for name, label, right in lists
            if self.access.allows(right)
        ]

    def shown_once(self, request: HttpRequest, issued: IssuedToken, *, old: ApiToken | None = None) -> HttpResponse:
        """The only page that shows the text of a token."""
        response = self.render(
            request,
            "settings/token_once.html",
            token=issued.token,
            text=issued.text,
            start=_use_of(issued),
            old=old,
            back=self._list_of(issued.token),
        )
        # SECURITY: the secret stays out of every cache.
        response["Cache-Control"] = "no-store"
        return response

    def refused(self, request: HttpRequest, error: AppError, then: str) -> HttpResponse:
        """Go back, with why it was refused."""
        messages.error(request, error.message)
        return redirect(then)

    def _list_of(self, token: ApiToken) -> str:
        if token.service_account_id is not None:
            return self.address("settings-service-account", service_account_id=token.service_account_id)
        return self.address("settings-agent-tokens" if token.kind == TokenKind.AGENT else "settings-tokens")


class Tokens(TokenPage):
    """One's own tokens, and the form of a new one."""

    permissions: ClassVar = {"GET": Permission.OWN_TOKEN_WRITE}
    section = "settings-tokens"
    page_name = "settings-tokens"
    kind = TokenKind.USER

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return self.show(request, empty_form(self.access, self.kind))

    def show(self, request: HttpRequest, form: TokenForm) -> HttpResponse:
        page = page_of_rows(self.rows(), asked(request), by=["-id"])
        context: dict[str, Any] = {"tabs": self.tabs(self.page_name), "page": page, "kind": self.kind, "form": form}
        lines = [self.line(token) for token in page.results]
        status = 400 if form.error else 200
        return self.render(request, "settings/tokens.html", status=status, lines=lines, **context)

    def rows(self) -> QuerySet[ApiToken]:
        own = Q(user_id=self.principal.user_id)
        return visible_tokens(self.access, self.principal).filter(own, kind=self.kind)

    def line(self, token: ApiToken) -> dict[str, Any]:
        """A token with what its row shows beside."""
        return {"token": token, "reach": reach_with_names(self.org_id, token.reach)}


class AgentTokens(Tokens):
    """Tokens of agents, how far each reaches, and the agents that registered with it."""

    permissions: ClassVar = {"GET": Permission.AGENT_TOKEN_WRITE}
    page_name = "settings-agent-tokens"
    kind = TokenKind.AGENT

    def rows(self) -> QuerySet[ApiToken]:
        return visible_tokens(self.access, self.principal).filter(kind=self.kind)

    def line(self, token: ApiToken) -> dict[str, Any]:
        agents = [view.agent.name for view in fleet.agents(self.org_id) if view.agent.token_id == token.id]
        return {**super().line(token), "agents": agents}


class AllTokens(TokenPage):
    """Every token that the caller may revoke, with its holder."""

    permissions: ClassVar = {"GET": Permission.USER_TOKEN_WRITE}
    section = "settings-tokens"

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        kind, q = request.GET.get("kind", ""), request.GET.get("q", "").strip()
        rows = visible_tokens(self.access, self.principal)
        if kind in TokenKind.values:
            rows = rows.filter(kind=kind)
        if q:
            holder = Q(user__email__icontains=q) | Q(service_account__name__icontains=q)
            rows = rows.filter(holder | Q(name__icontains=q))
        page = page_of_rows(rows, asked(request), by=["-id"])
        kinds = [one for one, right in RIGHT_OF.items() if self.access.allows(right)]
        context: dict[str, Any] = {
            "page": page,
            "kinds": kinds,
            "kind": kind,
            "q": q,
            "tabs": self.tabs("settings-all-tokens"),
        }
        return self.render(request, "settings/all_tokens.html", **context)


class NewToken(TokenPage):
    """Makes a token of a kind; refused, the list comes back with what was filled in."""

    # Which right it needs, the kind says (tenants/token_rules.py).
    permissions: ClassVar = {"GET": _READ, "POST": _READ}
    section = "settings-tokens"

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        return redirect(self.address("settings-tokens"))

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        kind = TokenKind.AGENT if request.POST.get("kind") == TokenKind.AGENT else TokenKind.USER
        try:
            issued = token_actions.make_token(
                self.access,
                self.principal,
                kind=kind,
                name=request.POST.get("name", ""),
                terms=terms_of_form(request.POST),
                reach=reach_of_form(request.POST) if kind == TokenKind.AGENT else None,
            )
        except _MENDABLE as error:
            return self._again(request, kind, error)
        return self.shown_once(request, issued)

    def _again(self, request: HttpRequest, kind: TokenKind, error: Any) -> HttpResponse:
        shown: type[Tokens] = AgentTokens if kind == TokenKind.AGENT else Tokens
        self.access.require(shown.permissions["GET"])
        page = shown()
        page.setup(request)
        page.access, page.principal = self.access, self.principal
        form = replace(filled_in(request, empty_form(self.access, kind)), error=error.message, attr=error.attr or "")
        return page.show(request, form)


class Token(TokenPage):
    """One token: what it may do, where it was used last; its form, its rotation, its end."""

    permissions: ClassVar = {"GET": _READ, "POST": _READ}
    section = "settings-tokens"

    def get(self, request: HttpRequest, token_id: UUID, **_kwargs: Any) -> HttpResponse:
        token = access_token(self.access, self.principal, token_id)
        return self._show(request, token, form_of(self.access, token))

    def post(self, request: HttpRequest, token_id: UUID, **_kwargs: Any) -> HttpResponse:
        token = access_token(self.access, self.principal, token_id)
        try:
            changes = changes_of_form(request.POST, TokenKind(token.kind))
            token_actions.change_token(self.access, self.principal, token_id, changes)
        except _MENDABLE as error:
            form = filled_in(request, form_of(self.access, token))
            return self._show(request, token, replace(form, error=error.message, attr=error.attr or ""))
        messages.success(request, "Saved. It holds everywhere within seconds.")
        return redirect(self.address("settings-token", token_id=token_id))

    def _show(self, request: HttpRequest, token: ApiToken, form: TokenForm) -> HttpResponse:
        relatives = visible_tokens(self.access, self.principal).filter(
            Q(id=token.replaces_id) | Q(replaces_id=token.id)
        )
        context: dict[str, Any] = {
            "token": token,
            "form": form,
            "reach": reach_with_names(self.org_id, token.reach),
            "relatives": list(relatives),
            "may_change": token.kind != TokenKind.USER or is_own(self.principal, token),
            "back": self._list_of(token),
        }
        return self.render(request, "settings/token.html", status=400 if form.error else 200, **context)


class RotateToken(TokenPage):
    """Makes the token that replaces this one, and shows it once."""

    permissions: ClassVar = {"POST": _READ}
    section = "settings-tokens"

    def post(self, request: HttpRequest, token_id: UUID, **_kwargs: Any) -> HttpResponse:
        old = access_token(self.access, self.principal, token_id)
        try:
            issued = token_actions.rotate(self.access, self.principal, token_id)
        except _MENDABLE as error:
            return self.refused(request, error, self.address("settings-token", token_id=token_id))
        return self.shown_once(request, issued, old=old)


class RevokeToken(TokenPage):
    """Kills a token."""

    permissions: ClassVar = {"POST": _READ}

    def post(self, request: HttpRequest, token_id: UUID, **_kwargs: Any) -> HttpResponse:
        token = access_token(self.access, self.principal, token_id)
        back = self._list_of(token)
        if token.kind == TokenKind.USER and not is_own(self.principal, token):
            back = self.address("settings-all-tokens")
        return self.changed(
            request,
            lambda: token_actions.revoke(self.access, self.principal, token_id),
            f"{token.name} is revoked: whoever still uses it is refused within five seconds.",
            back,
        )


class NewServiceToken(TokenPage):
    """Makes a token that acts as a service account."""

    permissions: ClassVar = {"POST": Permission.SERVICE_ACCOUNT_WRITE}
    section = "settings-service-accounts"

    def post(self, request: HttpRequest, service_account_id: UUID, **_kwargs: Any) -> HttpResponse:
        account = service_account(self.org_id, service_account_id)
        try:
            issued = token_actions.make_token(
                self.access,
                self.principal,
                kind=TokenKind.SERVICE,
                name=request.POST.get("name", ""),
                terms=terms_of_form(request.POST),
                service_account_id=account.id,
            )
        except _MENDABLE as error:
            back = self.address("settings-service-account", service_account_id=account.id)
            return self.refused(request, error, back)
        return self.shown_once(request, issued)


def filled_in(request: HttpRequest, form: TokenForm) -> TokenForm:
    """The form as it was sent, so that nothing has to be filled in twice."""
    given = request.POST
    try:
        reach = reach_of_form(given)
    except InvalidError:
        reach = form.reach
    return replace(
        form,
        name=given.get("name", ""),
        life=given.get("life", form.life),
        limited=bool(given.get("limited")),
        scopes=frozenset(given.getlist("scope")),
        networks=given.get("networks", ""),
        reach=reach,
    )


def _use_of(issued: IssuedToken) -> str:
    """The words that use a new token."""
    url = shlex.quote(settings.PUBLIC_URL)
    if issued.token.kind == TokenKind.AGENT:
        return f"daggerboard-agent run --url {url} --token-file agent.token"
    return f"export DAGGERBOARD_URL={url} DAGGERBOARD_TOKEN=…"
