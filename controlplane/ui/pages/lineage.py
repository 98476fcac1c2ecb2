"""The lineage page: the API's graph on a canvas and in a list, with how each asset stands."""

from typing import ClassVar

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse

from controlplane.catalog import selectors as catalog
from controlplane.catalog.asset_filter import AssetFilter
from controlplane.catalog.health_selectors import healthy_assets
from controlplane.catalog.selectors import AssetView
from controlplane.catalog.staleness_selectors import with_staleness
from controlplane.ui.pages.base import DeploymentPage
from tenants.permissions import Permission

# Links for when scripts do not run; the element replaces them by all assets.
_LINKS = 200


class Lineage(DeploymentPage):
    """The asset graph of a deployment."""

    permissions: ClassVar = {"GET": Permission.ASSET_READ}
    section = "lineage"

    def get(self, request: HttpRequest) -> HttpResponse:
        graph = catalog.asset_definitions(self.visible).graph
        names = {"org": self.access.org.slug, "deployment": self.deployment.name}
        return self.render(
            request,
            "lineage/lineage.html",
            count=len(graph.nodes),
            keys=sorted(graph.nodes)[:_LINKS],
            graph_url=reverse("api:asset-graph", kwargs=names),
            has_locations=bool(self.visible.code_locations()),
        )


class Statuses(DeploymentPage):
    """How each asset stands, by key: status, health, and whether it is out of sync, each with its word or null where nothing is to say."""

    permissions: ClassVar = {"GET": Permission.ASSET_READ}

    def get(self, _request: HttpRequest) -> HttpResponse:
        views = with_staleness(self.visible, healthy_assets(self.visible, AssetFilter(defined="yes")))
        return JsonResponse({view.key: [view.status, view.status.label, *_marks(view)] for view in views})


def _marks(view: AssetView) -> list[str]:
    health = view.health.status if view.health is not None and view.health.is_unwell else None
    unsynced = view.staleness is not None and view.staleness.is_unsynced
    return [
        health or "",
        health.label if health else "",
        "unsynced" if unsynced else "",
        "Out of sync" if unsynced else "",
    ]
