"""The overview of a deployment: what ran, what fails, who is connected, what it costs."""

import datetime
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from controlplane.catalog import selectors as catalog
from controlplane.catalog.asset_filter import AssetFilter
from controlplane.catalog.asset_status import AssetStatus
from controlplane.deployments.models import DeploymentKind
from controlplane.fleet import selectors as fleet
from controlplane.insights import selectors as insights
from controlplane.runs import selectors as runs
from controlplane.runs.selectors import RunFilter
from controlplane.runs.states import ACTIVE, RunStatus
from controlplane.ui.pages.base import DeploymentPage, wants_part
from controlplane.ui.pages.branch import first_screen
from tenants.permissions import Permission

_RUNS = 10
_FAILING = 8
_DAY = datetime.timedelta(days=1)


class Overview(DeploymentPage):
    """The first page of a deployment."""

    permissions: ClassVar = {"GET": Permission.DEPLOYMENT_READ}
    section = "overview"

    def get(self, request: HttpRequest) -> HttpResponse:
        deployment = self.deployment
        if deployment.kind == DeploymentKind.BRANCH:
            return first_screen(self, request)
        failing = catalog.assets(self.visible, AssetFilter(status=AssetStatus.FAILED.value, defined="yes"))
        context: dict[str, Any] = {
            "runs": runs.runs(self.visible, limit=_RUNS).runs,
            "counts": self._counts(),
            "failing": failing[:_FAILING],
            "failing_count": len(failing),
            "asset_count": len(catalog.asset_definitions(self.visible).graph.nodes),
            "locations": self.visible.code_locations(),
            "agents": fleet.agents(self.org_id) if self.access.allows(Permission.AGENT_READ) else [],
            "cost": insights.deployment_cost(self.visible),
            "costliest": insights.costliest_assets(self.visible),
        }
        if wants_part(request, "overview"):
            return self.render_part(request, "overview/_overview.html", deployment=deployment, **context)
        return self.render(request, "overview/overview.html", deployment=deployment, **context)

    def _counts(self) -> dict[str, int]:
        """Runs now, and of the last 24 hours; counted up to a thousand."""
        since = timezone.now() - _DAY
        wanted = {
            "active": RunFilter(statuses=sorted(ACTIVE)),
            "succeeded": RunFilter(statuses=[RunStatus.SUCCESS], created_after=since),
            "failed": RunFilter(statuses=[RunStatus.FAILURE], created_after=since),
        }
        return {name: runs.count_runs(self.visible, f) for name, f in wanted.items()}
