"""The list of assets: searched and filtered on the server."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse

from controlplane.catalog import selectors as catalog
from controlplane.catalog.asset_filter import AssetFilter, facets
from controlplane.catalog.asset_health import HealthStatus
from controlplane.catalog.asset_status import AssetStatus
from controlplane.catalog.health_selectors import healthy_assets
from controlplane.catalog.selectors import AssetView
from controlplane.catalog.staleness import Sync
from controlplane.catalog.staleness_selectors import with_staleness
from controlplane.deployments.visibility import Visible
from controlplane.ui.pages.base import DeploymentPage, wants_part
from controlplane.ui.paging import asked
from tenants.paging import page_of_list
from tenants.permissions import Permission

_ROWS = 100


class Assets(DeploymentPage):
    """Every asset: what code locations define, and what is known by its events alone."""

    permissions: ClassVar = {"GET": Permission.ASSET_READ}
    section = "assets"

    def get(self, request: HttpRequest) -> HttpResponse:
        nodes = catalog.asset_definitions(self.visible).graph.nodes
        wanted = AssetFilter(**{field.name: request.GET.get(field.name, "") for field in fields(AssetFilter)})
        found = healthy_assets(self.visible, wanted)
        undefined = _undefined(self.visible, wanted, found)
        page = page_of_list(found, asked(request, size=_ROWS), key=lambda view: (view.key,))
        page = replace(page, results=with_staleness(self.visible, page.results))
        context: dict[str, Any] = {
            "page": page,
            "filter": wanted,
            "found": len(found),
            "total": len(nodes) + undefined,
            "has_undefined": undefined > 0,
            "has_unsynced": any(view.staleness is not None and view.staleness.is_unsynced for view in page.results),
        }
        if wants_part(request, "asset-list"):
            return self.render_part(request, "assets/_list.html", **context)
        return self.render(
            request,
            "assets/list.html",
            **context,
            facets=facets(nodes.values()),
            statuses=list(AssetStatus),
            healths=list(HealthStatus),
            syncs=list(Sync),
            has_locations=bool(self.visible.code_locations()),
        )


def _undefined(visible: Visible, wanted: AssetFilter, found: Sequence[AssetView]) -> int:
    """How many assets there are that no code location defines. A list of all has them already: it is read again with every run that ends."""
    if wanted == AssetFilter():
        return sum(view.node is None for view in found)
    return len(catalog.undefined_keys(visible, ""))
