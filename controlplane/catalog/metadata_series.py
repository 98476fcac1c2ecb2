"""Numeric metadata of an asset over time, for plots."""

import math
from dataclasses import dataclass, field
from typing import Any

from controlplane.catalog.selectors import events
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
        newest = (
            events(visible)
            .filter(asset_key=key)
            .exclude(kind="planned")
            .order_by("-id")
            .values_list("at", "metadata")[:_EVENTS]
        )
        oldest_first = sorted(newest, key=lambda event: event[0])
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
