"""What the Partitions tab of an asset shows: counts, the heat map, and its twin, a table of partitions or of ranges."""

from typing import Any

from django.http import HttpRequest

from controlplane.catalog import partition_selectors as partitions
from controlplane.catalog.asset_status import AssetStatus
from controlplane.catalog.partition_board import Board
from controlplane.catalog.partition_cells import Window, partition_cells
from controlplane.catalog.partition_serializers import CellsSerializer
from controlplane.catalog.staleness_selectors import not_judged_by
from controlplane.deployments.visibility import Visible
from controlplane.ui.paging import asked
from tenants.paging import Page, page_of_sequence

_ROWS = 100


def partitions_tab(visible: Visible, key: str, request: HttpRequest) -> dict[str, Any]:
    """The template's context. Filters are in the address: `status`, `partition` for one key, `view=ranges`."""
    found = partitions.partition_board(visible, key)
    text = request.GET.get("status", "")
    status = AssetStatus(text) if text in set(AssetStatus) else None
    chosen = request.GET.get("partition", "")
    as_ranges = request.GET.get("view") == "ranges" and not chosen
    page = _ranges(found, request, status) if as_ranges else _rows(visible, key, found, request, status=status)
    counts = found.by_status
    return {
        "found": found,
        "not_judged_by": not_judged_by(visible, key),
        "counts": [(one, counts[one]) for one in AssetStatus],
        "map": CellsSerializer(partition_cells(visible, key, found, Window())).data if found.count else None,
        "page": page,
        "as_ranges": as_ranges,
        "only": status or "",
        "partition": chosen,
    }


def _ranges(found: Board, request: HttpRequest, status: AssetStatus | None) -> Page[partitions.PartitionRange]:
    return page_of_sequence(
        lambda offset, limit: partitions.partition_ranges(found, offset, limit, status), asked(request, size=_ROWS)
    )


def _rows(
    visible: Visible, key: str, found: Board, request: HttpRequest, *, status: AssetStatus | None
) -> Page[partitions.PartitionView]:
    """The newest first; or the one that is asked for."""
    chosen = request.GET.get("partition", "")

    def read(offset: int, limit: int) -> list[partitions.PartitionView]:
        if chosen:
            names = [chosen] if offset == 0 and found.position(chosen) is not None else []
        else:
            names = partitions.some_partitions(found, offset, limit, status=status, newest_first=True)
        return partitions.partition_views(visible, key, names)

    return page_of_sequence(read, asked(request, size=_ROWS))
