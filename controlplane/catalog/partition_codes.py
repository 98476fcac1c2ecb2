"""The status of many partitions as bytes, one each, in the order of the keys. Pure, and quick for half a million."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from controlplane.catalog.asset_status import AssetStatus

# The codes are stored: never renumber them.
STATUS_OF_CODE = (
    AssetStatus.MISSING,
    AssetStatus.MATERIALIZED,
    AssetStatus.IN_PROGRESS,
    AssetStatus.FAILED,
    # Never stored: runs leave the queue without a word to partitions.
    AssetStatus.QUEUED,
)
CODE_OF_STATUS = {status: code for code, status in enumerate(STATUS_OF_CODE)}
_RUN = re.compile(rb"(.)\1*", re.DOTALL)

# Of each status, in the order of STATUS_OF_CODE.
Counts = tuple[int, ...]


@dataclass(frozen=True)
class Stretch:
    """Neighbours with one status, both ends included, as positions."""

    first: int
    last: int
    status: AssetStatus


def counts(codes: bytes, start: int = 0, end: int | None = None) -> Counts:
    """How many of each status between two positions, the end left out."""
    stop = len(codes) if end is None else end
    found = [codes.count(code, start, stop) for code in range(1, len(STATUS_OF_CODE))]
    return (max(0, stop - start) - sum(found), *found)


def stretches(codes: bytes) -> Iterator[Stretch]:
    """The whole as neighbours with one status, in order."""
    for run in _RUN.finditer(codes):
        yield Stretch(run.start(), run.end() - 1, STATUS_OF_CODE[run.group(1)[0]])


def some_stretches(codes: bytes, status: AssetStatus | None, offset: int, limit: int) -> list[Stretch]:
    """Stretches from the `offset`th on, all or those of one status."""
    if status is None:
        return list(islice(stretches(codes), offset, offset + limit))
    code = CODE_OF_STATUS[status]
    pattern = re.compile(re.escape(bytes([code])) + b"+")
    runs = islice(pattern.finditer(codes), offset, offset + limit)
    return [Stretch(run.start(), run.end() - 1, status) for run in runs]


def positions(codes: bytes, *statuses: AssetStatus) -> Sequence[int]:
    """Where one of these statuses is, in order; everywhere without any."""
    if not statuses:
        return range(len(codes))
    wanted = b"".join(re.escape(bytes([CODE_OF_STATUS[status]])) for status in statuses)
    return [found.start() for found in re.finditer(b"[" + wanted + b"]", codes)]


def line(codes: bytes, first: int, last: int, cells: int) -> tuple[int, list[Counts]]:
    """A stretch of positions as at most `cells` cells of equally many, but for the last: how many, and the counts of each."""
    per_cell = max(1, -(-(last - first + 1) // cells))
    starts = range(first, last + 1, per_cell)
    return per_cell, [counts(codes, start, min(start + per_cell, last + 1)) for start in starts]


def grid(codes: bytes, shape: tuple[int, int], box: tuple[range, range], cells: tuple[int, int]) -> list[list[Counts]]:
    """A box of two dimensions, the second of which varies fastest: a row of cells for each stretch of the second dimension."""
    columns, rows = (_chunks(side, most) for side, most in zip(box, cells, strict=True))
    found = []
    for row in rows:
        # Of every key of this row, the codes along the first dimension.
        lines = [codes[inner :: shape[1]] for inner in row]
        found.append([_sum(counts(one, column.start, column.stop) for one in lines) for column in columns])
    return found


def _chunks(side: range, most: int) -> list[range]:
    size = max(1, -(-len(side) // most))
    return [range(start, min(start + size, side.stop)) for start in range(side.start, side.stop, size)]


def chunk_size(length: int, most: int) -> int:
    """How many keys a cell of `grid` or `line` stands for."""
    return max(1, -(-length // most))


def _sum(each: Iterator[Counts]) -> Counts:
    return tuple(map(sum, zip(*each, strict=True)))
