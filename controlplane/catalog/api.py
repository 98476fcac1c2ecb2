"""REST: assets, their graph and their checks. Their partitions are in partition_api.py, what happened to them in event_api.py."""

from dataclasses import replace
from typing import ClassVar

from django.http import HttpResponse, HttpResponseNotModified
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.catalog import selectors
from controlplane.catalog.asset_filter import AssetFilter
from controlplane.catalog.asset_health import HealthStatus
from controlplane.catalog.asset_status import AssetStatus
from controlplane.catalog.asset_views import AssetCheckView, asset_detail
from controlplane.catalog.graph_document import graph_document
from controlplane.catalog.health_selectors import healthy_assets
from controlplane.catalog.serializers import (
    AssetCheckSerializer,
    AssetDetailSerializer,
    AssetGraphSerializer,
    AssetSerializer,
)
from controlplane.catalog.staleness import Sync
from controlplane.catalog.staleness_selectors import with_staleness
from controlplane.deployments.http import DeploymentAPIView
from tenants.errors import InvalidError
from tenants.paging import (
    PAGE_PARAMETERS,
    page_of_list,
    page_request,
    page_response,
    page_schema,
)
from tenants.permissions import Permission

ASSET = OpenApiParameter("asset", str, required=True, description="The asset's key, parts joined by `/`.")
_FILTERS = {
    "q": "Words that the key contains.",
    "group": "The group.",
    "kind": "One of the kinds.",
    "owner": "One of the owners.",
    "tag": "A tag, as `key` or `key=value`.",
    "location": "The code location.",
    "defined": "`yes`: assets that code defines; `no`: those that are known by their events alone.",
}


class CatalogAPIView(DeploymentAPIView):
    """Base of what reads assets."""

    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.ASSET_READ}


def asset_parameter(request: Request) -> str:
    """The `asset` of the query; InvalidError when it is missing."""
    key = request.query_params.get("asset")
    if not key:
        raise InvalidError("Say which asset, with ?asset=<key>.", attr="asset")
    return key


class AssetsView(CatalogAPIView):
    @extend_schema(
        operation_id="list_assets",
        parameters=[
            *(OpenApiParameter(name, str, description=text) for name, text in _FILTERS.items()),
            OpenApiParameter("status", str, enum=[status.value for status in AssetStatus]),
            OpenApiParameter("health", str, enum=[status.value for status in HealthStatus]),
            OpenApiParameter("sync", str, enum=[one.value for one in Sync]),
            *PAGE_PARAMETERS,
        ],
        responses=page_schema(AssetSerializer),
    )
    def get(self, request: Request) -> Response:
        """The deployment's assets, by key."""
        wanted = AssetFilter(
            **{name: request.query_params.get(name, "") for name in (*_FILTERS, "status", "health", "sync")}
        )
        if wanted.status not in {"", *AssetStatus}:
            raise InvalidError(f"status is one of {', '.join(AssetStatus)}.", attr="status")
        if wanted.health not in {"", *HealthStatus}:
            raise InvalidError(f"health is one of {', '.join(HealthStatus)}.", attr="health")
        if wanted.sync not in {"", *Sync}:
            raise InvalidError(f"sync is one of {', '.join(Sync)}.", attr="sync")
        if wanted.defined not in {"", "yes", "no"}:
            raise InvalidError("defined is yes or no.", attr="defined")
        found = healthy_assets(self.visible, wanted)
        page = page_of_list(found, page_request(request), key=lambda view: (view.key,))
        page = replace(page, results=with_staleness(self.visible, page.results))
        return page_response(request, page, AssetSerializer)


class AssetDetailView(CatalogAPIView):
    @extend_schema(operation_id="get_asset", responses=AssetDetailSerializer)
    def get(self, request: Request, key: str) -> Response:
        """One asset: its definition, its neighbours, its checks, and its latest materialization."""
        found = asset_detail(self.visible, key)
        return Response(AssetDetailSerializer(found).data)


class AssetGraphView(CatalogAPIView):
    @extend_schema(operation_id="get_asset_graph", responses=AssetGraphSerializer)
    def get(self, request: Request) -> HttpResponse:
        """All assets with their dependencies and a layout. Answers 304 to a client that has this graph already (`If-None-Match`)."""
        document = graph_document(selectors.asset_definitions(self.visible))
        etag = f'"{document.etag}"'
        if etag in request.headers.get("If-None-Match", ""):
            answer: HttpResponse = HttpResponseNotModified()
        elif "gzip" in request.headers.get("Accept-Encoding", ""):
            answer = HttpResponse(document.gzipped, content_type="application/json")
            answer["Content-Encoding"] = "gzip"
        else:
            answer = HttpResponse(document.json, content_type="application/json")
        answer["ETag"], answer["Vary"], answer["Cache-Control"] = etag, "Accept-Encoding", "private, no-cache"
        return answer


class ChecksView(CatalogAPIView):
    @extend_schema(
        operation_id="list_checks",
        parameters=[OpenApiParameter("asset", str, description="Only checks of this asset."), *PAGE_PARAMETERS],
        responses=page_schema(AssetCheckSerializer),
    )
    def get(self, request: Request) -> Response:
        """Asset checks with their latest outcome, by asset and name."""
        key = request.query_params.get("asset")
        found = [selectors.asset(self.visible, key)] if key else selectors.assets(self.visible)
        checks = [
            AssetCheckView(name=check.name, definition=check.definition, state=check.state, asset_key=view.key)
            for view in found
            for check in view.checks
        ]
        page = page_of_list(checks, page_request(request), key=lambda check: (check.asset_key, check.name))
        return page_response(request, page, AssetCheckSerializer)
