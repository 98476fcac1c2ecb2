"""Backfills as their pages show them: bars of partitions by state, drawn by numbers alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from controlplane.automation.backfills.choice import words_of
from controlplane.automation.backfills.selectors import AssetProgress, Stretch, name_of
from controlplane.automation.models import Backfill, BackfillPartition, BackfillStatus, PartitionProgress
from controlplane.runs.states import RunStatus

# In the order in which a bar shows them.
_ORDER = ("materialized", "requested", "failed", "canceled", "skipped", "targeted")
_WIDTH = 1000.0
_LEAST = 6.0
# A stretch of the matrix, in units of its drawing.
CELL = 10


@dataclass(frozen=True)
class BarPart:
    """Some of the partitions, and where they are in a drawing that is 1000 wide."""

    state: str
    label: str
    count: int
    x: float
    width: float


def bar(counts: Mapping[str, int]) -> list[BarPart]:
    """A part for each state that there is; the smallest can still be seen."""
    there = [state for state in _ORDER if counts.get(state)]
    total = sum(counts[state] for state in there) or 1
    free = _WIDTH - _LEAST * len(there)
    parts, x = [], 0.0
    for state in there:
        width = _LEAST + free * counts[state] / total
        parts.append(BarPart(state, PartitionProgress(state).label, counts[state], round(x, 1), round(width, 1)))
        x += width
    return parts


@dataclass(frozen=True)
class BackfillLine:
    """A backfill in a list."""

    row: Backfill

    @property
    def name(self) -> str:
        return name_of(self.row)

    @property
    def partitions(self) -> str:
        return words_of(self.row.selection)

    @property
    def parts(self) -> list[BarPart]:
        return bar(self.row.counts)

    @property
    def total(self) -> int:
        return sum(self.row.counts.values())

    @property
    def done(self) -> int:
        return int(self.row.counts.get(PartitionProgress.MATERIALIZED, 0))

    @property
    def failed(self) -> int:
        return int(self.row.counts.get(PartitionProgress.FAILED, 0))

    @property
    def status(self) -> str:
        """Whose colour and shape it has."""
        if self.row.is_paused:
            return "held"
        shapes = {
            BackfillStatus.REQUESTED: "running",
            BackfillStatus.COMPLETED_SUCCESS: "success",
            BackfillStatus.COMPLETED_FAILED: "failed",
        }
        return shapes.get(BackfillStatus(self.row.status), self.row.status)

    @property
    def status_label(self) -> str:
        return "Paused" if self.row.is_paused else BackfillStatus(self.row.status).label

    @property
    def is_open(self) -> bool:
        return self.row.ended_at is None

    @property
    def can_retry(self) -> bool:
        bad = (PartitionProgress.FAILED, PartitionProgress.CANCELED, PartitionProgress.SKIPPED)
        return not self.is_open and any(self.row.counts.get(state) for state in bad)


@dataclass(frozen=True)
class PartitionLine:
    """A partition in a list; `status` is whose colour and shape it has, and `word` what a person reads."""

    row: BackfillPartition
    status: str
    word: str


def partition_lines(rows: Sequence[BackfillPartition], runs: Mapping[UUID, str]) -> list[PartitionLine]:
    """`runs` are the statuses of those that are under way: what waits in the queue is not in progress."""
    lines = []
    for row in rows:
        state = PartitionProgress(row.state)
        status = runs.get(row.run_id) if row.run_id and state == PartitionProgress.REQUESTED else None
        lines.append(PartitionLine(row, status or state.value, RunStatus(status).label if status else state.label))
    return lines


@dataclass(frozen=True)
class MatrixCell:
    """Some partitions of one asset that lie side by side."""

    x: int
    state: str
    title: str


@dataclass(frozen=True)
class MatrixRow:
    """One asset: its bar and its stretches."""

    progress: AssetProgress
    parts: list[BarPart]
    cells: list[MatrixCell]

    @property
    def done(self) -> int:
        return self.progress.counts[PartitionProgress.MATERIALIZED]

    @property
    def failed(self) -> int:
        return self.progress.counts[PartitionProgress.FAILED]

    @property
    def width(self) -> int:
        return CELL * (self.cells[-1].x // CELL + 1) if self.cells else CELL


def matrix(progress: Sequence[AssetProgress], stretches: Mapping[str, Sequence[Stretch]]) -> list[MatrixRow]:
    """A row for each asset; `stretches` are theirs."""
    return [
        MatrixRow(one, bar(one.counts), [_cell(stretch) for stretch in stretches.get(one.asset_key, ())])
        for one in progress
    ]


def _cell(stretch: Stretch) -> MatrixCell:
    keys = stretch.first if stretch.first == stretch.last else f"{stretch.first} … {stretch.last}"
    counts = ", ".join(
        f"{number:,} {PartitionProgress(state).label.lower()}" for state, number in sorted(stretch.counts.items())
    )
    return MatrixCell(stretch.place * CELL, stretch.worst, f"{keys}: {counts}" if keys else counts)
