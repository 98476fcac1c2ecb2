"""What the changed assets of a branch came out with, beside what the base has: rows, columns, numbers, checks, durations."""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from controlplane.catalog.latest_results import LatestResult, latest_results, partition_results
from controlplane.deployments.branch_changes import BranchChanges
from controlplane.deployments.visibility import Visible
from controlplane.insights.past_cost import seconds_of_runs

ROW_COUNT = "dagster/row_count"
COLUMN_SCHEMA = "dagster/column_schema"
_NUMERIC = frozenset({"int", "float"})
_NOTHING = LatestResult()


@dataclass(frozen=True)
class NumberPair:
    """A number on both sides; None where one has none."""

    label: str
    base: float | None
    branch: float | None

    @property
    def change(self) -> float | None:
        """Relative to the base: 0.1 for ten percent more; None when it cannot be said."""
        if self.base is None or self.branch is None or not self.base:
            return None
        return (self.branch - self.base) / abs(self.base)


@dataclass(frozen=True)
class ColumnChange:
    """A column that is not the same on both sides, by its type; None where it is not there."""

    name: str
    base: str | None
    branch: str | None


@dataclass(frozen=True)
class CheckPair:
    """What a check said last on each side: passed, warn, failed, or None when it never ran there."""

    name: str
    base: str | None
    branch: str | None


@dataclass(frozen=True)
class AssetResults:
    """One asset on both sides. `same_partition` is False where the base has the branch's partition not, and its latest stands in."""

    key: str
    change: str
    base: LatestResult
    branch: LatestResult
    numbers: tuple[NumberPair, ...]
    columns: tuple[ColumnChange, ...]
    checks: tuple[CheckPair, ...]
    seconds: NumberPair
    same_partition: bool = True

    @property
    def rows(self) -> NumberPair | None:
        """The number of rows, where either side says one."""
        return next((pair for pair in self.numbers if pair.label == ROW_COUNT), None)


def compare_results(changes: BranchChanges, branch: Visible, base: Visible) -> list[AssetResults]:
    """Changed and affected assets that the branch has materialized or checked, upstreams first."""
    words = {key: difference.change.value for key, difference in changes.comparison.assets.items()}
    words |= {one.key: "affected" for one in changes.comparison.affected}
    keys = [key for key in changes.after.graph.order if key in words]
    here = latest_results(branch, keys)
    there = latest_results(base, list(here))
    same = partition_results(base, {key: result.partition for key, result in here.items() if result.partition})
    there = {key: _of_partition(result, same.get(key)) for key, result in there.items()}
    seconds_here, seconds_there = _seconds(branch, here), _seconds(base, there)
    return [
        _results(key, words[key], here[key], there.get(key, _NOTHING), (seconds_there.get(key), seconds_here.get(key)))
        for key in keys
        if key in here
    ]


def _of_partition(result: LatestResult, same: LatestResult | None) -> LatestResult:
    return result if same is None else replace(same, checks=result.checks)


def _seconds(visible: Visible, results: Mapping[str, LatestResult]) -> dict[str, float]:
    runs = {key: str(result.run_id) for key, result in results.items() if result.run_id}
    found = seconds_of_runs(visible, set(runs.values()), list(runs))
    return {key: found[(run, key)] for key, run in runs.items() if (run, key) in found}


def _results(
    key: str, change: str, here: LatestResult, there: LatestResult, seconds: tuple[float | None, float | None]
) -> AssetResults:
    return AssetResults(
        key=key,
        change=change,
        base=there,
        branch=here,
        numbers=tuple(_numbers(there.metadata, here.metadata)),
        columns=tuple(_columns(there.metadata, here.metadata)),
        checks=tuple(
            CheckPair(name, there.checks.get(name), here.checks.get(name)) for name in _both(there.checks, here.checks)
        ),
        seconds=NumberPair("seconds", *seconds),
        same_partition=there.at is None or there.partition == here.partition,
    )


def _both(first: Collection[str], second: Collection[str]) -> list[str]:
    return sorted({*first, *second})


def _numbers(base: Mapping[str, Any], branch: Mapping[str, Any]) -> Iterable[NumberPair]:
    """Numeric metadata of either side, the number of rows first."""
    for label in sorted(_both(base, branch), key=lambda label: (label != ROW_COUNT, label)):
        pair = NumberPair(label, _number(base.get(label)), _number(branch.get(label)))
        if pair.base is not None or pair.branch is not None:
            yield pair


def _number(entry: Any) -> float | None:
    value = entry.get("value") if isinstance(entry, dict) and entry.get("type") in _NUMERIC else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def _columns(base: Mapping[str, Any], branch: Mapping[str, Any]) -> Iterable[ColumnChange]:
    """Columns that differ; nothing where only one side tells its columns."""
    before, after = _types(base.get(COLUMN_SCHEMA)), _types(branch.get(COLUMN_SCHEMA))
    if before is None or after is None:
        return
    for name in list(dict.fromkeys([*after, *before])):
        if before.get(name) != after.get(name):
            yield ColumnChange(name, before.get(name), after.get(name))


def _types(entry: Any) -> dict[str, str] | None:
    """Types by column, in the schema's order; None for what is no schema."""
    value = entry.get("value") if isinstance(entry, dict) else None
    columns = value.get("columns") if isinstance(value, dict) else value
    if not isinstance(columns, list):
        return None
    return {str(one["name"]): str(one.get("type", "")) for one in columns if isinstance(one, dict) and "name" in one}
