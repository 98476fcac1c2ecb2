"""Agents: who is connected, since when, and why not; and the tokens with which they connect."""

import shlex
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from controlplane.fleet import selectors as fleet
from controlplane.fleet.selectors import AgentView
from controlplane.ui.agent_lines import AgentLine, agent_lines
from controlplane.ui.pages.base import DeploymentPage, wants_part
from tenants import selectors as tenants
from tenants import token_actions
from tenants.errors import InvalidError, NotFoundError
from tenants.models import ApiToken, TokenKind
from tenants.permissions import Permission
from tenants.reach import Reach
from tenants.token_rules import Terms, access_token

# What an agent's name may be (fleet.services): the token gets the same one.
_MAX_NAME = 100
# Code of forks is chosen on the token's own page, with more room to think.
_WITH_BRANCHES = Reach(all_deployments=True, all_branches=True)


@dataclass(frozen=True)
class TokenRow:
    """An agent token, and the agents that registered with it."""

    token: ApiToken
    agents: list[AgentView]


class Agents(DeploymentPage):
    """Every agent of the organization, and its tokens."""

    permissions: ClassVar = {"GET": Permission.AGENT_READ}
    section = "agents"

    def get(self, request: HttpRequest) -> HttpResponse:
        agents = fleet.agents(self.org_id)
        lines = agent_lines(self.access, agents)
        if wants_part(request, "agent-list"):
            return self.render_part(request, "agents/_list.html", lines=lines)
        return self.render(request, "agents/list.html", lines=lines, **self.token_context(agents))

    def token_context(self, agents: list[AgentView]) -> dict[str, Any]:
        """What the section of the tokens shows; nothing of them to people who may not make any."""
        if not self.access.allows(Permission.AGENT_TOKEN_WRITE):
            return {"tokens": []}
        found = tenants.tokens(self.org_id).filter(kind=TokenKind.AGENT).order_by("-id")
        return {"tokens": [TokenRow(row, [v for v in agents if v.agent.token_id == row.id]) for row in found]}


class Agent(DeploymentPage):
    """One agent: every fact with its age, what it has loaded, the runs it holds."""

    permissions: ClassVar = {"GET": Permission.AGENT_READ}
    section = "agents"

    def get(self, request: HttpRequest, agent_id: UUID) -> HttpResponse:
        line = self._line(agent_id)
        if wants_part(request, "agent-state"):
            return self.render_part(request, "agents/_state.html", line=line)
        return self.render(request, "agents/agent.html", line=line, start=_start_command(line.view.agent.name))

    def _line(self, agent_id: UUID) -> AgentLine:
        return agent_lines(self.access, [fleet.agent(self.org_id, agent_id)])[0]


class NewToken(Agents):
    """Makes an agent token, and shows it once, with the command that uses it."""

    permissions: ClassVar = {"GET": Permission.AGENT_READ, "POST": Permission.AGENT_TOKEN_WRITE}

    def get(self, request: HttpRequest) -> HttpResponse:
        return redirect(self.links.page("agents"))

    def post(self, request: HttpRequest) -> HttpResponse:
        name = request.POST.get("name", "").strip()
        try:
            _check_name(name)
        except InvalidError as error:
            return self._again(request, name, error)
        issued = token_actions.make_token(
            self.access,
            self.principal,
            kind=TokenKind.AGENT,
            name=name,
            terms=Terms(),
            reach=_WITH_BRANCHES if "all_branches" in request.POST else Reach(),
        )
        response = self.render(
            request,
            "agents/token.html",
            name=name,
            text=issued.text,
            save=f"(umask 077; printf '%s\\n' {issued.text} > {_token_file(name)})",
            start=_start_command(name),
        )
        # SECURITY: the secret stays out of every cache.
        response["Cache-Control"] = "no-store"
        return response

    def _again(self, request: HttpRequest, name: str, error: InvalidError) -> HttpResponse:
        agents = fleet.agents(self.org_id)
        context = {"lines": agent_lines(self.access, agents), **self.token_context(agents)}
        return self.render(
            request,
            "agents/list.html",
            status=400,
            **context,
            name=name,
            name_error=error.message,
            with_branches="all_branches" in request.POST,
        )


class RevokeToken(DeploymentPage):
    """Kills a token."""

    permissions: ClassVar = {"POST": Permission.AGENT_TOKEN_WRITE}

    def post(self, request: HttpRequest, token_id: UUID) -> HttpResponse:
        token = access_token(self.access, self.principal, token_id)
        if token.kind != TokenKind.AGENT:
            raise NotFoundError("There is no such agent token.")
        token_actions.revoke(self.access, self.principal, token_id)
        messages.success(request, "The token is revoked: whoever still uses it is refused within seconds.")
        return redirect(self.links.page("agents"))


def _check_name(name: str) -> None:
    if not name or len(name) > _MAX_NAME or not name.isprintable():
        raise InvalidError(f"The name of an agent is 1 to {_MAX_NAME} printable characters.", attr="name")


def _token_file(name: str) -> str:
    """A file name for the token of this agent that needs no quoting."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name).strip("-")
    return f"{plain or 'agent'}.token"


def _start_command(name: str) -> str:
    words = ["--url", settings.PUBLIC_URL, "--token-file", _token_file(name), "--name", name]
    return f"daggerboard-agent run {shlex.join(words)}"
