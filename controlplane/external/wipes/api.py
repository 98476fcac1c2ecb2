"""REST: forgetting what is known of an asset."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.catalog.api import ASSET, asset_parameter
from controlplane.deployments.http import DeploymentAPIView
from controlplane.external.wipes import requests
from controlplane.external.wipes.serializers import AssetWipeSerializer, WipeAssetSerializer
from tenants.http import valid_body
from tenants.paging import PAGE_PARAMETERS, page_of_list, page_request, page_response, page_schema
from tenants.permissions import Permission

# Of an asset; older ones are in the audit log.
_SHOWN = 100


class AssetWipesView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.ASSET_READ, "POST": Permission.ASSET_WIPE}

    @extend_schema(
        operation_id="list_asset_wipes",
        parameters=[ASSET, *PAGE_PARAMETERS],
        responses=page_schema(AssetWipeSerializer),
    )
    def get(self, request: Request) -> Response:
        """The newest wipes of an asset."""
        found = requests.wipes_of(self.visible, asset_parameter(request), most=_SHOWN)
        places = {wipe.id: place for place, wipe in enumerate(found)}
        page = page_of_list(found, page_request(request), key=lambda wipe: (places[wipe.id],))
        return page_response(request, page, AssetWipeSerializer)

    @extend_schema(operation_id="wipe_asset", request=WipeAssetSerializer, responses={202: AssetWipeSerializer})
    def post(self, request: Request) -> Response:
        """Forget the materializations, observations and check results of an asset, or of some partitions, until now. Code and data stay."""
        asked = valid_body(WipeAssetSerializer, request)
        given, span = asked, asked["partition_range"]
        made = requests.wipe_as(
            self.visible,
            asset=given["asset"],
            partitions=given["partitions"],
            partition_range=(span["start"], span["end"]) if span else None,
            actor=self.access.actor,
        )
        return Response(AssetWipeSerializer(made).data, status=status.HTTP_202_ACCEPTED)


class AssetWipeView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.ASSET_READ}

    @extend_schema(operation_id="get_asset_wipe", responses=AssetWipeSerializer)
    def get(self, request: Request, wipe_id: UUID) -> Response:
        """One wipe, and how far it is."""
        return Response(AssetWipeSerializer(requests.wipe(self.visible, wipe_id)).data)
