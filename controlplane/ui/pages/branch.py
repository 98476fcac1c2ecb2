"""The first screen of a branch deployment: what it changes, its results beside the base's, its runs, and what can be done with it."""

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect

from controlplane.delivery.branches import approvals, closing, life
from controlplane.delivery.branches.selectors import view_of
from controlplane.delivery.changes.results import compare_results
from controlplane.deployments.branch_changes import BranchChanges, changes
from controlplane.deployments.branches import branch_of
from controlplane.deployments.models import BranchDeployment, DeploymentKind
from controlplane.deployments.visibility import visible_to
from controlplane.insights import selectors as insights
from controlplane.runs import selectors as runs
from controlplane.ui.approval import approval_of
from controlplane.ui.branch_words import BranchLine
from controlplane.ui.change_graph import change_graph
from controlplane.ui.change_lines import change_groups
from controlplane.ui.pages.base import DeploymentPage, wants_part
from tenants.errors import AppError, ForbiddenError, InvalidError, NotFoundError
from tenants.permissions import Permission

_RUNS = 8
_IDLE_SECONDS = 3600
TABS = (("changes", "Changes"), ("lineage", "Lineage"), ("results", "Results"))


class BranchPage(DeploymentPage):
    """A page of branch deployments only."""

    branch: BranchDeployment

    def enter(self, kwargs: dict[str, Any]) -> None:
        super().enter(kwargs)
        if self.deployment.kind != DeploymentKind.BRANCH:
            raise NotFoundError(f"{self.deployment.name} is not a branch deployment.")
        self.branch = branch_of(self.org_id, self.deployment.id)


def first_screen(page: DeploymentPage, request: HttpRequest) -> HttpResponse:
    """What the overview of a branch deployment shows."""
    view = view_of(page.access, branch_of(page.org_id, page.deployment.id))
    found, refused = known_changes(page)
    tab = request.GET.get("tab", "")
    tab = tab if tab in dict(TABS) else TABS[0][0]
    context: dict[str, Any] = {
        "line": BranchLine(view.branch, view.base),
        "branch": view.branch,
        "life": view.life,
        "pull": view.pull,
        "approval": approval_of(view.pull, request.GET.get("sha", "")),
        # What a link of the comment leads to: its button has the focus.
        "ask": request.GET.get("ask", ""),
        "changes": found,
        "refused": refused,
        "tabs": TABS,
        "tab": tab,
        "locations": page.visible.code_locations(),
        "runs": runs.runs(page.visible, limit=_RUNS).runs,
        "cost": insights.deployment_cost(page.visible),
    }
    if found is not None and tab == "changes":
        context["groups"] = change_groups(found.comparison, page.links)
    if found is not None and tab == "results":
        context["results"] = compare_results(found, page.visible, visible_to(page.access, found.base))
    if wants_part(request, "branch-runs"):
        # Alone, so that what somebody unfolded in the list of changes stays so.
        return page.render_part(request, "branch/_runs.html", **context)
    if wants_part(request, "branch-screen"):
        return page.render_part(request, "branch/_screen.html", **context)
    return page.render(request, "branch/branch.html", **context)


def known_changes(page: DeploymentPage) -> tuple[BranchChanges | None, str]:
    """What changed, or why the person is not told."""
    try:
        return changes(page.access, page.deployment), ""
    except (ForbiddenError, NotFoundError, InvalidError) as error:
        return None, error.message


class ChangeGraph(BranchPage):
    """The lineage of what changed, as the element draws it."""

    permissions: ClassVar = {"GET": Permission.ASSET_READ}

    def get(self, _request: HttpRequest) -> HttpResponse:
        return JsonResponse(change_graph(changes(self.access, self.deployment)))


class BranchAction(BranchPage):
    """Does what a button of the head says, and goes back to the screen."""

    permissions: ClassVar = {"POST": Permission.BRANCH_DEPLOYMENT_WRITE}

    def post(self, request: HttpRequest) -> HttpResponse:
        done = _ACTIONS.get(request.POST.get("do", ""))
        if done is None:
            raise InvalidError(f"Say what to do: {', '.join(_ACTIONS)}.")
        try:
            messages.success(request, done(self, request))
        except AppError as error:
            messages.error(request, error.message)
        return redirect(self.links.page("overview"))

    @property
    def asked(self) -> dict[str, Any]:
        return {"org_id": self.org_id, "deployment_id": self.deployment.id, "actor": self.access.actor}


def _extend(page: BranchAction, _request: HttpRequest) -> str:
    life.extend(**page.asked)
    return "Extended: it lives its whole time again, from now."


def _wake(page: BranchAction, _request: HttpRequest) -> str:
    life.wake_now(**page.asked)
    return "Waking up: an agent loads its code."


def _sleep(page: BranchAction, _request: HttpRequest) -> str:
    life.sleep_now(**page.asked)
    return "Asleep. It wakes by itself when a run is launched."


def _keep_awake(page: BranchAction, _request: HttpRequest) -> str:
    life.keep_awake(**page.asked, awake=True, sleep_after=None)
    return "It stays awake until somebody lets it sleep."


def _let_sleep(page: BranchAction, _request: HttpRequest) -> str:
    life.keep_awake(**page.asked, awake=False, sleep_after=_IDLE_SECONDS)
    return "It sleeps after an hour in which nothing was wanted of it."


def _close(page: BranchAction, _request: HttpRequest) -> str:
    closing.close(**page.asked, reason=f"Closed by {page.access.actor.label}.")
    return "Closing: its runs are canceled, its closing job runs, and it is archived. Its pages stay for a while."


def _rebuild(page: BranchAction, _request: HttpRequest) -> str:
    approvals.rebuild(**page.asked)
    return "Its head is deployed once more."


def _approve(page: BranchAction, request: HttpRequest) -> str:
    sha = request.POST.get("sha", "")
    pull = approvals.held_pull_request(page.org_id, page.deployment.id)
    approvals.approve(org_id=page.org_id, pull_request_id=pull.id, sha=sha, actor=page.access.actor)
    return f"Commit {sha[:12]} is approved and will be deployed. A later push waits again."


_ACTIONS = {
    "extend": _extend,
    "wake": _wake,
    "sleep": _sleep,
    "keep-awake": _keep_awake,
    "let-sleep": _let_sleep,
    "close": _close,
    "rebuild": _rebuild,
    "approve": _approve,
}
