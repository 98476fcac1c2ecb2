"""The branch deployments of an organization: whose branch, how it stands, what it changes, what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from controlplane.delivery.branches.selectors import BranchFilter, BranchView, branches_for
from controlplane.deployments import selectors as deployments
from controlplane.deployments.branch_changes import changes
from controlplane.deployments.models import BranchState, Deployment
from controlplane.deployments.visibility import visible_to
from controlplane.insights import selectors as insights
from controlplane.ui.branch_words import BranchLine
from controlplane.ui.links import Links
from controlplane.ui.pages.base import wants_part
from controlplane.ui.paging import asked
from controlplane.ui.shell import page_context, shell
from tenants.errors import AppError
from tenants.http import OrgPage
from tenants.paging import page_of_list
from tenants.permissions import Permission

_SIZE = 25
# What is over stays out of the list until somebody asks for it.
_LIVING = (BranchState.ACTIVE, BranchState.SLEEPING, BranchState.HELD, BranchState.CLOSING)


@dataclass(frozen=True)
class BranchRow:
    """One branch deployment in the list; `cost_micros` is None where the person may not see it."""

    view: BranchView
    line: BranchLine
    links: Links
    cost_micros: int | None

    @property
    def author(self) -> str:
        """Who opened the pull request; of a branch that CI deploys, who wrote its head."""
        return self.view.pull.author if self.view.pull is not None else self.line.author


class Branches(OrgPage):
    """All of them that the person may enter, the most recently active first."""

    permissions: ClassVar = {"GET": Permission.ORGANIZATION_READ}

    def get(self, request: HttpRequest) -> HttpResponse:
        everything = branches_for(self.access, BranchFilter())
        wanted = _Wanted.of(request)
        found = sorted(filter(wanted.has, everything), key=lambda view: (-view.branch.active_at.timestamp(), view.name))
        page = page_of_list(
            found, asked(request, size=_SIZE), key=lambda view: (-view.branch.active_at.timestamp(), view.name)
        )
        context: dict[str, Any] = {
            "rows": self._rows(page.results),
            "page": page,
            "found": len(found),
            "total": len(everything),
            "wanted": wanted,
            "repositories": sorted({view.branch.repository for view in everything}),
            "bases": sorted({view.base for view in everything}),
            "states": [(state.value, BranchLine.word_of(state)) for state in BranchState],
        }
        if wants_part(request, "branch-list"):
            return TemplateResponse(request, "branches/_list.html", {"org": self.access.org, **context})
        return self._framed(request, context)

    def _rows(self, views: Sequence[BranchView]) -> list[BranchRow]:
        places = {view.branch.deployment_id: visible_to(self.access, view.branch.deployment) for view in views}
        costs = insights.costs_of(places.values())
        org = self.access.org.slug
        return [
            BranchRow(
                view=view,
                line=BranchLine(view.branch, view.base),
                links=Links(org=org, deployment=view.name),
                cost_micros=costs.get(view.branch.deployment_id),
            )
            for view in views
        ]

    def _framed(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        """In the frame of the first full deployment: the list itself belongs to none."""
        entered = deployments.deployments_to_name(self.access)
        if not entered:
            return redirect(reverse("pages:organization", args=[self.access.org.slug]))
        deployment = min(entered, key=lambda one: (one.parent_id is not None, one.name))
        access = self.access.at(deployment.place)
        frame = shell(
            principal=self.principal, access=access, deployment=deployment, deployments=entered, section="branches"
        )
        full = {**page_context(frame, access), "org": self.access.org, **context}
        return TemplateResponse(request, "branches/list.html", full)


@dataclass(frozen=True)
class _Wanted:
    """What the list is narrowed to; empty means all that are not over."""

    q: str = ""
    repository: str = ""
    base: str = ""
    state: str = ""

    @classmethod
    def of(cls, request: HttpRequest) -> "_Wanted":
        return cls(**{name: request.GET.get(name, "") for name in ("q", "repository", "base", "state")})

    def has(self, view: BranchView) -> bool:
        branch = view.branch
        return (
            BranchLine(branch, view.base).is_about(self.q.casefold().split())
            and self.repository in {"", branch.repository}
            and self.base in {"", view.base}
            and (branch.state == self.state if self.state and self.state != "all" else self._is_shown(branch.state))
        )

    def _is_shown(self, state: str) -> bool:
        return self.state == "all" or state in _LIVING


class Counts(OrgPage):
    """How much one branch changes, for its row: compared when somebody looks, and kept."""

    permissions: ClassVar = {"GET": Permission.ORGANIZATION_READ}
    deployment: Deployment

    def enter(self, kwargs: dict[str, Any]) -> None:
        self.deployment = deployments.deployment(self.access.org.id, kwargs.pop("deployment"))
        self.access = self.access.at(self.deployment.place)

    def get(self, request: HttpRequest) -> HttpResponse:
        context: dict[str, Any] = {}
        try:
            found = changes(self.access, self.deployment)
            context = {
                "counts": found.comparison.totals,
                "affected": len(found.comparison.affected),
                "is_deployed": found.is_deployed,
            }
        except AppError as error:
            context = {"refused": error.message}
        return TemplateResponse(request, "branches/_counts.html", context)
