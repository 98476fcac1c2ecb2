"""Materialize what a branch changed: a page that says what would run and what it costs, and the launch."""

from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from controlplane.delivery.changes.materializing import Plan, PlannedRun, materialize, plan
from controlplane.deployments.branch_changes import changes
from controlplane.deployments.visibility import visible_to
from controlplane.ui.branch_words import BranchLine
from controlplane.ui.pages.branch import BranchPage
from tenants.errors import AppError, InvalidError
from tenants.permissions import Permission


class Materialize(BranchPage):
    """GET shows the plan; POST launches those of its runs that are chosen."""

    permissions: ClassVar = {"GET": Permission.ASSET_READ, "POST": Permission.RUN_LAUNCH}
    section = "overview"

    def get(self, request: HttpRequest) -> HttpResponse:
        with_affected = request.GET.get("affected") == "1"
        return self.show(request, self.plan(with_affected=with_affected), with_affected=with_affected)

    def post(self, request: HttpRequest) -> HttpResponse:
        with_affected = request.POST.get("affected") == "1"
        planned = self.plan(with_affected=with_affected)
        try:
            chosen = _chosen(request, planned)
            partitions = {number: partition for number in chosen if (partition := _partition(request, number))}
            launched = materialize(self.visible, chosen, partitions, actor=self.access.actor)
        except AppError as error:
            return self.show(request, planned, with_affected=with_affected, error=error.message, status=error.status)
        if len(launched) == 1:
            return redirect(self.links.run(launched[0].id))
        messages.success(request, f"{len(launched)} runs are launched, one for each code location and partitioning.")
        return redirect(self.links.page("runs"))

    def plan(self, *, with_affected: bool) -> Plan:
        """What would run now."""
        found = changes(self.access, self.deployment)
        return plan(found, self.visible, visible_to(self.access, found.base), with_affected=with_affected)

    def show(self, request: HttpRequest, planned: Plan, *, status: int = 200, **context: Any) -> HttpResponse:
        """The plan as a page."""
        line = BranchLine(self.branch, "")
        rows = list(enumerate(planned.runs))
        return self.render(
            request, "branch/materialize.html", status=status, plan=planned, rows=rows, line=line, **context
        )


def _chosen(request: HttpRequest, planned: Plan) -> dict[int, PlannedRun]:
    """By their numbers; each must still be what was planned when the person looked at it."""
    chosen = {}
    for number, run in enumerate(planned.runs):
        if f"run-{number}" not in request.POST:
            continue
        if request.POST[f"run-{number}"] != run.digest:
            raise InvalidError("The branch was deployed anew meanwhile. Look at what would run now, and launch that.")
        chosen[number] = run
    if planned.runs and not chosen:
        raise InvalidError("Choose at least one run.")
    return chosen


def _partition(request: HttpRequest, number: int) -> str:
    return request.POST.get(f"partition-{number}", "").strip()
