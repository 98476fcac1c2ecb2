"""The lineage page: the API's graph on a canvas and in a list, with how each asset stands."""

from typing import ClassVar

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse

from controlplane.catalog import selectors as catalog
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
    """How each asset stands, by key; assets without any event are absent."""

    permissions: ClassVar = {"GET": Permission.ASSET_READ}

    def get(self, _request: HttpRequest) -> HttpResponse:
        found = catalog.statuses(self.visible)
        return JsonResponse({key: [status, status.label] for key, status in found.items()})
