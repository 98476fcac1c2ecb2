"""The partitions of an asset as a heat map: cells that stand for one partition or for many, each with how many are in which status."""

from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.catalog.asset_status import AssetStatus
from controlplane.catalog.partition_board import Board
from controlplane.catalog.partition_codes import CODE_OF_STATUS, STATUS_OF_CODE, Counts, chunk_size, grid, line
from controlplane.catalog.partition_keys import MultiPartitions
from controlplane.catalog.partition_selectors import failed_runs
from controlplane.deployments.visibility import Visible
from tenants.errors import InvalidError

# What a screen can show and a person can tell apart; with labels of ordinary length about 60 kB.
CELLS_MAX = 1_200
_COLUMNS_MAX = 60
_ROWS_MAX = 20
# Labels take no more of an answer than this; what they are too long for has fewer cells.
_LABEL_BYTES = 150_000
_FAILED = CODE_OF_STATUS[AssetStatus.FAILED]
_TWO = 2


@dataclass(frozen=True)
class Axis:
    """One side of the map: a stretch of the keys of one dimension, cut into cells."""

    # The dimension's name; empty where there is but one.
    name: str
    # All keys of the dimension; the stretch, both ends included; keys per cell.
    count: int
    first: int
    last: int
    per_cell: int
    # The first and the last key of each cell.
    labels: list[tuple[str, str]]


@dataclass(frozen=True)
class Cells:
    """`cells[row][column]` counts the partitions by status, in the order of `statuses`; one dimension makes one row."""

    columns: Axis
    rows: Axis | None
    cells: list[list[Counts]]
    statuses: Sequence[str]
    # By "row:column": the run in which the first failed partition of the cell failed.
    failed_runs: dict[str, str]
    is_complete: bool
    counts: dict[AssetStatus, int]


@dataclass(frozen=True)
class Window:
    """What of the map is asked for: positions along the first dimension and along the second; None: all."""

    columns: tuple[int, int] | None = None
    rows: tuple[int, int] | None = None


def partition_cells(visible: Visible, key: str, found: Board, window: Window) -> Cells:
    """InvalidError for a window that lies outside."""
    if len(found.shape) == _TWO and isinstance(found.keys, MultiPartitions) and found.key_count:
        made = _box(found, found.keys, window)
    else:
        made = _line(found, window)
    columns, rows, cells, firsts = made
    return Cells(
        columns=columns,
        rows=rows,
        cells=cells,
        statuses=[status.value for status in STATUS_OF_CODE],
        failed_runs=_runs(visible, key, found, firsts),
        is_complete=found.is_complete,
        counts=found.by_status,
    )


# The axes, the cells, and by cell the position of its first failed partition.
_Made = tuple[Axis, Axis | None, list[list[Counts]], dict[str, int]]


def _line(found: Board, window: Window) -> _Made:
    first, last = _bounds(window.columns, found.count)
    sample = found.page(first, 1)
    cells_max = max(50, min(CELLS_MAX, _LABEL_BYTES // (2 * len(sample[0].encode()) + 8) if sample else 1))
    per_cell, cells = line(found.codes, first, last, cells_max)
    ends = [(start, min(start + per_cell - 1, last)) for start in range(first, last + 1, per_cell)]
    failed = {
        f"0:{number}": found.codes.find(_FAILED, *_open(ends[number]))
        for number, counted in enumerate(cells)
        if counted[_FAILED]
    }
    labels = [(found.key(start), found.key(end)) for start, end in ends]
    return Axis("", found.count, first, last, per_cell, labels), None, [cells], failed


def _box(found: Board, keys: MultiPartitions, window: Window) -> _Made:
    wide, high = keys.shape
    columns = _axis(keys, 0, _bounds(window.columns, wide), _COLUMNS_MAX)
    rows = _axis(keys, 1, _bounds(window.rows, high), _ROWS_MAX)
    box = range(columns.first, columns.last + 1), range(rows.first, rows.last + 1)
    cells = grid(found.codes, (wide, high), box, (_COLUMNS_MAX, _ROWS_MAX))
    failed = {
        f"{row}:{column}": _first_failed(found, columns, rows, column, row)
        for row, counted in enumerate(cells)
        for column, each in enumerate(counted)
        if each[_FAILED]
    }
    return columns, rows, cells, failed


def _first_failed(found: Board, columns: Axis, rows: Axis, column: int, row: int) -> int:
    high = rows.count
    inner = rows.first + row * rows.per_cell
    outer = columns.first + column * columns.per_cell
    width = min(rows.per_cell, rows.last + 1 - inner)
    for one in range(outer, min(outer + columns.per_cell, columns.last + 1)):
        position = found.codes.find(_FAILED, one * high + inner, one * high + inner + width)
        if position >= 0:
            return position
    raise LookupError("a cell that counts a failed partition has one")


def _axis(keys: MultiPartitions, dimension: int, bounds: tuple[int, int], most: int) -> Axis:
    first, last = bounds
    names = keys.dimension_keys(dimension)
    per_cell = chunk_size(last - first + 1, most)
    labels = [(names[at], names[min(at + per_cell - 1, last)]) for at in range(first, last + 1, per_cell)]
    return Axis(keys.dimensions[dimension].name, len(names), first, last, per_cell, labels)


def _bounds(asked: tuple[int, int] | None, count: int) -> tuple[int, int]:
    if asked is None:
        return 0, count - 1
    first, last = asked
    if not 0 <= first <= last:
        raise InvalidError("A window goes from a position to one that is not before it, as in 0-99.", attr="columns")
    # What was there when the window was drawn may be gone.
    return min(first, max(0, count - 1)), min(last, count - 1)


def _open(ends: tuple[int, int]) -> tuple[int, int]:
    return ends[0], ends[1] + 1


def _runs(visible: Visible, key: str, found: Board, firsts: dict[str, int]) -> dict[str, str]:
    names = {cell: found.key(position) for cell, position in firsts.items()}
    runs = failed_runs(visible, key, sorted(set(names.values()))) if names else {}
    return {cell: str(runs[name]) for cell, name in names.items() if name in runs}
