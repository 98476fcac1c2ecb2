"""REST: the partitions of an asset: pages of them, stretches of neighbours with one status, cells of a heat map."""

import re

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.catalog import partition_selectors
from controlplane.catalog.api import ASSET, CatalogAPIView, asset_parameter
from controlplane.catalog.asset_status import AssetStatus
from controlplane.catalog.partition_cells import Window, partition_cells
from controlplane.catalog.partition_serializers import (
    CellsSerializer,
    PartitionPageSerializer,
    PartitionRangeSerializer,
    PartitionSerializer,
)
from tenants.errors import InvalidError
from tenants.paging import PAGE_PARAMETERS, page_of_sequence, page_request, page_response

_STATUS = OpenApiParameter("status", str, enum=[status.value for status in AssetStatus], description="Only these.")
_FORMATS = ("partitions", "ranges")
_WINDOW = re.compile(r"(\d{1,12})-(\d{1,12})")


class PartitionsView(CatalogAPIView):
    @extend_schema(
        operation_id="list_partitions",
        parameters=[
            ASSET,
            _STATUS,
            OpenApiParameter(
                "format", str, enum=_FORMATS, description="`ranges`: neighbours with one status as one result."
            ),
            *PAGE_PARAMETERS,
        ],
        responses=PartitionPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """The partitions of an asset as they stand, in dagster's order; those that have a state and are not in the definition come last."""
        form = request.query_params.get("format", "partitions")
        if form not in _FORMATS:
            raise InvalidError(f"format is one of {', '.join(_FORMATS)}.", attr="format")
        key, status = asset_parameter(request), _status(request)
        found = partition_selectors.partition_board(self.visible, key)
        if form == "ranges":
            page = page_of_sequence(
                lambda offset, limit: partition_selectors.partition_ranges(found, offset, limit, status),
                page_request(request),
            )
            return page_response(request, page, PartitionRangeSerializer)

        def read(offset: int, limit: int) -> list[partition_selectors.PartitionView]:
            names = partition_selectors.some_partitions(found, offset, limit, status=status)
            return partition_selectors.partition_views(self.visible, key, names)

        return page_response(request, page_of_sequence(read, page_request(request)), PartitionSerializer)


class PartitionCellsView(CatalogAPIView):
    @extend_schema(
        operation_id="get_partition_cells",
        parameters=[
            ASSET,
            OpenApiParameter(
                "columns", str, description="Positions along the first dimension, as `0-99`; all unless told."
            ),
            OpenApiParameter(
                "rows", str, description="Positions along the second dimension, as `0-99`; all unless told."
            ),
        ],
        responses=CellsSerializer,
    )
    def get(self, request: Request) -> Response:
        """The partitions of an asset as a heat map: cells of one partition or of many, with how many are in which status."""
        key = asset_parameter(request)
        window = Window(_window(request, "columns"), _window(request, "rows"))
        found = partition_selectors.partition_board(self.visible, key)
        return Response(CellsSerializer(partition_cells(self.visible, key, found, window)).data)


def _status(request: Request) -> AssetStatus | None:
    text = request.query_params.get("status", "")
    if text not in {"", *AssetStatus}:
        raise InvalidError(f"status is one of {', '.join(AssetStatus)}.", attr="status")
    return AssetStatus(text) if text else None


def _window(request: Request, name: str) -> tuple[int, int] | None:
    text = request.query_params.get(name)
    if not text:
        return None
    found = _WINDOW.fullmatch(text)
    if found is None:
        raise InvalidError(f"{name} is two positions, as in 0-99.", attr=name)
    return int(found[1]), int(found[2])
