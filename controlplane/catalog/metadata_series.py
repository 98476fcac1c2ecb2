"""Numeric metadata of an asset and of its checks over time, for plots."""

import datetime
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from controlplane.catalog.models import AssetEventKind
from controlplane.catalog.selectors import check_evaluations, events
from controlplane.deployments.visibility import Visible
from tenants.scoping import org_scope

# Enough for a plot as wide as a screen.
_EVENTS = 300
_NUMERIC = frozenset({"int", "float"})


@dataclass
class Series:
    """One metadata entry, oldest first; times are seconds since the epoch."""

    label: str
    times: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    @property
    def latest(self) -> float:
        return self.values[-1]


def numeric_series(visible: Visible, key: str) -> list[Series]:
    """Every numeric entry of the newest materializations and observations, by name; what never was a number is absent."""
    with org_scope(visible.org_id):
        of_asset = events(visible).filter(asset_key=key).order_by("-id").values_list("id", "at", "metadata")
        # Of each kind by itself: so their index has them in order, however many there are.
        kinds = (AssetEventKind.MATERIALIZATION, AssetEventKind.OBSERVATION)
        found = [event for kind in kinds for event in of_asset.filter(kind=kind)[:_EVENTS]]
    newest = sorted(found, reverse=True, key=lambda event: event[0])[:_EVENTS]
    return _series(sorted(((at, metadata) for _id, at, metadata in newest), key=lambda event: event[0]))


def check_series(visible: Visible, key: str, name: str) -> list[Series]:
    """Of the newest evaluations of a check: whether it passed, as 1 and 0, and every numeric entry of their metadata."""
    with org_scope(visible.org_id):
        newest = check_evaluations(visible, key, name=name).values_list("at", "metadata", "passed")[:_EVENTS]
        oldest_first = sorted(newest, key=lambda evaluation: evaluation[0])
    if not oldest_first:
        return []
    passed = Series(
        "Passed (1) or not (0)",
        [at.timestamp() for at, _metadata, _passed in oldest_first],
        [float(passed) for _at, _metadata, passed in oldest_first],
    )
    return [passed, *_series([(at, metadata) for at, metadata, _passed in oldest_first])]


def _series(oldest_first: Iterable[tuple[datetime.datetime, dict[str, Any]]]) -> list[Series]:
    found: dict[str, Series] = {}
    for at, metadata in oldest_first:
        for label, entry in metadata.items():
            number = _number(entry)
            if number is not None:
                series = found.setdefault(label, Series(label))
                series.times.append(at.timestamp())
                series.values.append(number)
    return [found[label] for label in sorted(found)]


def _number(entry: Any) -> float | None:
    if not isinstance(entry, dict) or entry.get("type") not in _NUMERIC:
        return None
    value = entry.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value
