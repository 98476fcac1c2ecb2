"""Addresses by the name of a branch deployment: `/<org>/d/<name>`, and `/<org>/d/<name>@<sha>`, frozen at a commit."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from controlplane.deployments.branch_changes import changes_at, revision_of
from controlplane.deployments.models import BranchRevision
from controlplane.ui.branch_words import BranchLine
from controlplane.ui.change_lines import change_groups
from controlplane.ui.pages.base import DeploymentPage
from controlplane.ui.pages.branch import BranchPage
from tenants.errors import AppError
from tenants.permissions import Permission

_COMMITS = 30


class ByName(DeploymentPage):
    """The short address that comments and command lines print."""

    permissions: ClassVar = {"GET": Permission.DEPLOYMENT_READ}

    def get(self, _request: HttpRequest) -> HttpResponse:
        return redirect(self.links.page("overview"))


class Commit(BranchPage):
    """What the branch was at one commit, from stored definitions: as it was, whatever happened since."""

    permissions: ClassVar = {"GET": Permission.DEPLOYMENT_READ}
    section = "overview"

    def get(self, request: HttpRequest, sha: str) -> HttpResponse:
        revision = revision_of(self.org_id, self.deployment, sha)
        context: dict[str, Any] = {
            "line": BranchLine(self.branch, ""),
            "revision": revision,
            "commits": self._commits(),
        }
        try:
            found = changes_at(self.access, self.deployment, revision)
            context |= {"changes": found, "groups": change_groups(found.comparison, self.links)}
            own = found.after.by_location.keys() - set(found.inherited) - set(found.not_loaded)
            context["defined"] = [(name, found.after.location(name).manifest) for name in sorted(own)]
        except AppError as error:
            context["refused"] = error.message
        return self.render(request, "branch/commit.html", **context)

    def _commits(self) -> list[BranchRevision]:
        """The newest commits that were deployed."""
        rows = BranchRevision.objects.for_org(self.org_id).filter(deployment_id=self.deployment.id)
        return list(rows.order_by("-created_at").only("sha", "created_at")[:_COMMITS])
