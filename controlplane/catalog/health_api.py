"""REST: the health of an asset, its acknowledgement, and how its freshness changed."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.catalog import health_services, selectors
from controlplane.catalog.api import ASSET, CatalogAPIView, asset_parameter
from controlplane.catalog.freshness_selectors import freshness_changes
from controlplane.catalog.health_selectors import with_health
from controlplane.catalog.health_serializers import (
    AcknowledgeSerializer,
    FreshnessChangeSerializer,
    HealthSerializer,
    OneAssetSerializer,
)
from tenants.http import valid_body
from tenants.paging import PAGE_PARAMETERS, page_of_rows, page_request, page_response, page_schema
from tenants.permissions import Permission


class AssetHealthView(CatalogAPIView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.ASSET_READ,
        "POST": Permission.ASSET_REPORT,
        "DELETE": Permission.ASSET_REPORT,
    }

    @extend_schema(operation_id="get_asset_health", parameters=[ASSET], responses=HealthSerializer)
    def get(self, request: Request) -> Response:
        """The health of one asset, judged now, with its causes."""
        [view] = with_health(self.visible, [selectors.asset(self.visible, asset_parameter(request))])
        return Response(HealthSerializer(view.health).data)

    @extend_schema(operation_id="acknowledge_asset_health", request=AcknowledgeSerializer, responses=HealthSerializer)
    def post(self, request: Request) -> Response:
        """Say that somebody knows why an asset is unwell. It holds until the causes change."""
        asked = valid_body(AcknowledgeSerializer, request)
        found = health_services.acknowledge(
            visible=self.visible, key=asked["asset"], reason=asked["reason"], actor=self.access.actor
        )
        return Response(HealthSerializer(found).data)

    @extend_schema(operation_id="withdraw_asset_health", request=OneAssetSerializer, responses={204: None})
    def delete(self, request: Request) -> Response:
        """Take an acknowledgement back."""
        given = valid_body(OneAssetSerializer, request)
        key = given["asset"]
        health_services.withdraw(visible=self.visible, key=key, actor=self.access.actor)
        return Response(status=204)


class FreshnessChangesView(CatalogAPIView):
    @extend_schema(
        operation_id="list_freshness_changes",
        parameters=[ASSET, *PAGE_PARAMETERS],
        responses=page_schema(FreshnessChangeSerializer),
    )
    def get(self, request: Request) -> Response:
        """When an asset became fresh or ceased to be, the newest first."""
        key = selectors.asset(self.visible, asset_parameter(request)).key
        page = page_of_rows(freshness_changes(self.visible, key), page_request(request), by=("-id",))
        return page_response(request, page, FreshnessChangeSerializer)
