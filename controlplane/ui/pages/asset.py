"""One asset: what it is, where it stands, and what happened to it."""

from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse

from controlplane.catalog import metadata_series
from controlplane.catalog import selectors as catalog
from controlplane.catalog.blocking_checks import blocking_upstream
from controlplane.catalog.check_lists import check_partitions
from controlplane.catalog.health_selectors import with_health
from controlplane.catalog.models import CheckEvaluation
from controlplane.catalog.selectors import AssetView
from controlplane.catalog.staleness_selectors import not_judged_by, staleness_of
from controlplane.deployments.current_definitions import DeploymentDefinitions
from controlplane.external.wipes.requests import wipes_of
from controlplane.insights import selectors as insights
from controlplane.ui.automation_tab import automation_tab
from controlplane.ui.pages.base import DeploymentPage
from controlplane.ui.paging import asked
from controlplane.ui.partitions_tab import partitions_tab
from tenants.errors import NotFoundError
from tenants.paging import page_of_rows
from tenants.permissions import Permission

_TABS = ("overview", "history", "plots", "partitions", "checks", "automation")


class Asset(DeploymentPage):
    """`/assets/<key>`, in tabs."""

    permissions: ClassVar = {"GET": Permission.ASSET_READ}
    section = "assets"

    def get(self, request: HttpRequest, key: str | None = None) -> HttpResponse:
        asset_key = key if key is not None else request.GET.get("key", "")
        if not asset_key:
            raise NotFoundError("Say which asset, with ?key=.")
        [view] = with_health(self.visible, [catalog.asset(self.visible, asset_key)])
        tab = request.GET.get("tab", "overview")
        tab = tab if tab in _TABS else "overview"
        fill = getattr(self, f"_{tab}")
        is_partitioned = view.node is not None and view.node.asset.partitions is not None
        context: dict[str, Any] = {"asset": view, "tab": tab, "is_partitioned": is_partitioned, "key": asset_key}
        may = self.may_with(assets=[view.key])
        definitions = catalog.asset_definitions(self.visible)
        return self.render(request, "assets/asset.html", **context, may=may, **fill(request, definitions, view))

    def _overview(self, _request: HttpRequest, definitions: DeploymentDefinitions, view: AssetView) -> dict[str, Any]:
        return {
            "upstream": catalog.neighbours(self.visible, definitions.graph.upstream.get(view.key, ())),
            "downstream": catalog.neighbours(self.visible, definitions.graph.downstream.get(view.key, ())),
            "unknown_upstream": _unknown_upstream(definitions, view),
            "latest": catalog.materializations(self.visible, view.key).first(),
            "cost": insights.asset_cost(self.visible, view.key),
            "partitions_definition": _partitions_definition(definitions, view),
            "condition": _condition(definitions, view),
            "staleness": staleness_of(self.visible, [view.key]).get(view.key),
            "not_judged_by": not_judged_by(self.visible, view.key),
            "blocked_by": self._blocked_by(view),
        }

    def _blocked_by(self, view: AssetView) -> list[CheckEvaluation]:
        run_id = view.state.failed_run_id if view.state is not None else None
        return blocking_upstream(self.visible, view.key, run_id) if run_id is not None else []

    def _history(self, request: HttpRequest, _definitions: DeploymentDefinitions, view: AssetView) -> dict[str, Any]:
        kind = "observation" if request.GET.get("kind") == "observation" else "materialization"
        partition = request.GET.get("partition") or None
        read = catalog.observations if kind == "observation" else catalog.materializations
        rows = read(self.visible, view.key, partition=partition)
        page = page_of_rows(rows, asked(request), by=("-id",))
        for event in page.results:
            event.tags = catalog.shown_tags(self.visible, event.tags)
        return {"page": page, "kind": kind, "partition": partition, "wipes": wipes_of(self.visible, view.key)}

    def _plots(self, _request: HttpRequest, _definitions: DeploymentDefinitions, view: AssetView) -> dict[str, Any]:
        series = metadata_series.numeric_series(self.visible, view.key)
        return {"series": [_plot(index, one) for index, one in enumerate(series)]}

    def _partitions(self, request: HttpRequest, _definitions: DeploymentDefinitions, view: AssetView) -> dict[str, Any]:
        return partitions_tab(self.visible, view.key, request)

    def _automation(self, request: HttpRequest, definitions: DeploymentDefinitions, view: AssetView) -> dict[str, Any]:
        return automation_tab(self.visible, definitions, view.key, _condition(definitions, view), request)

    def _checks(self, request: HttpRequest, _definitions: DeploymentDefinitions, view: AssetView) -> dict[str, Any]:
        name = request.GET.get("check") or None
        rows = catalog.check_evaluations(self.visible, view.key, name=name)
        of_partitions = check_partitions(self.visible, view.key, name) if name else None
        series = metadata_series.check_series(self.visible, view.key, name) if name else []
        return {
            "page": page_of_rows(rows, asked(request), by=("-id",)),
            "check": name,
            "of_partitions": of_partitions,
            "series": [_plot(index, one) for index, one in enumerate(series)],
        }


def _plot(index: int, series: metadata_series.Series) -> dict[str, Any]:
    values = {"label": series.label, "times": series.times, "values": series.values}
    rows = list(zip(series.times, series.values, strict=True))[::-1]
    return {"id": f"plot-{index}", "label": series.label, "values": values, "latest": series.latest, "rows": rows}


def _unknown_upstream(definitions: DeploymentDefinitions, view: AssetView) -> list[str]:
    """Upstreams that the code names and no location defines."""
    return [key for key in view.node.upstream if key not in definitions.graph.nodes] if view.node else []


def _partitions_definition(definitions: DeploymentDefinitions, view: AssetView) -> Any:
    if view.node is None or view.node.asset.partitions is None:
        return None
    return definitions.location(view.node.location).manifest.partitions_definitions.get(view.node.asset.partitions)


def _condition(definitions: DeploymentDefinitions, view: AssetView) -> Any:
    if view.node is None or view.node.asset.automation is None:
        return None
    return definitions.location(view.node.location).manifest.conditions.get(view.node.asset.automation)
