"""Reading usage and cost. Every figure is of a window that ends now, in the currency of the default price book.

It counts what the caller may see the cost of: all steps of a code location of which they see everything, and of other locations the
shares of the assets that they see.
"""

import datetime
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Model, QuerySet, Sum
from django.db.models.functions import TruncDay
from django.utils import timezone

from controlplane.deployments.visibility import Visible
from controlplane.insights.models import AssetUsage, StepUsage
from controlplane.insights.pricing import default_price_book
from tenants.ids import first_uuid7_at
from tenants.permissions import Permission
from tenants.scoping import read_scope

# A run may end days after its id was made; its usage is looked for this much further back.
_LONGEST_RUN = datetime.timedelta(days=14)


@dataclass(frozen=True)
class Cost:
    """Usage of a window of days, and what it cost."""

    days: int
    currency: str
    runs: int
    cost_micros: int
    cpu_seconds: float
    gib_seconds: float

    @property
    def per_run_micros(self) -> int | None:
        return self.cost_micros // self.runs if self.runs else None


@dataclass(frozen=True)
class Share:
    """A part of the cost of a window, by a name: a day, an asset, a job."""

    name: Any
    cost_micros: int


def asset_cost(visible: Visible, key: str, *, days: int = 30) -> Cost:
    """What one asset used."""
    with read_scope(visible.org_id):
        return _total([_asset_usage(visible, days).filter(asset_key=key)], days)


def deployment_cost(visible: Visible, *, days: int = 30) -> Cost:
    """What all runs of a deployment used."""
    with read_scope(visible.org_id):
        return _total(_usage(visible, days), days)


def costs_of(deployments: Iterable[Visible]) -> dict[UUID, int]:
    """What all runs of each deployment cost since it is there, in micro-units, by id; absent where the caller may not see all of it."""
    seen = [one for one in deployments if one.part(Permission.COST_READ).is_everything]
    if not seen:
        return {}
    ids = {one.deployment_id for one in seen}
    with read_scope(seen[0].org_id):
        rows = StepUsage.objects.for_org(seen[0].org_id).filter(deployment_id__in=ids)
        found = dict(rows.values_list("deployment_id").annotate(cost=Sum("cost_micros")))
    return {one: found.get(one, 0) for one in ids}


def daily_cost(visible: Visible, *, days: int = 30) -> list[Share]:
    """Cost by day (UTC), oldest first; days without usage are absent."""
    found: Counter[datetime.date] = Counter()
    with read_scope(visible.org_id):
        for rows in _usage(visible, days):
            by_day = rows.annotate(day=TruncDay("ended_at")).values("day").annotate(cost=Sum("cost_micros"))
            found.update({row["day"].date(): row["cost"] for row in by_day.order_by("day")})
    return [Share(day, cost) for day, cost in sorted(found.items())]


def costliest_assets(visible: Visible, *, days: int = 30, most: int = 5) -> list[Share]:
    """The assets that cost most, the dearest first."""
    with read_scope(visible.org_id):
        by_asset = _asset_usage(visible, days).values("asset_key")
        rows = by_asset.annotate(cost=Sum("cost_micros")).order_by("-cost", "asset_key")[:most]
        return [Share(row["asset_key"], row["cost"]) for row in rows]


def run_memory_peak(org_id: UUID, run_id: UUID) -> int:
    """The largest resident memory of any step of a run, in bytes."""
    with read_scope(org_id):
        peak = StepUsage.objects.for_org(org_id).filter(run_id=run_id).aggregate(peak=Max("peak_rss_bytes"))["peak"]
    return int(peak or 0)


def _usage(visible: Visible, days: int) -> list[QuerySet[Any]]:
    """Rows that together are the whole usage which the caller may know of; a run has rows in one of them only."""
    part, steps = visible.part(Permission.COST_READ), _window(StepUsage, visible, days)
    if part.is_everything:
        return [steps]
    names = visible.whole.by_location.keys() | part.denied_locations | part.granted_locations
    locations = {name for name in names if part.has_whole_location(name)}
    cut = {node.location for node in visible.whole.graph.nodes.values() if node.key in part.other_assets}
    in_parts = [key for key in part.assets if visible.whole.graph.nodes[key].location not in locations - cut]
    if part.rule.everywhere:
        complete = steps.exclude(location_name__in=sorted(part.denied_locations | cut))
    else:
        complete = steps.filter(location_name__in=sorted(locations - cut))
    return [complete, _window(AssetUsage, visible, days).filter(asset_key__in=sorted(in_parts))]


def _asset_usage(visible: Visible, days: int) -> QuerySet[Any]:
    part, rows = visible.part(Permission.COST_READ), _window(AssetUsage, visible, days)
    return rows if part.is_everything else rows.filter(asset_key__in=sorted(part.assets))


def _window(model: type[Model], visible: Visible, days: int) -> QuerySet[Any]:
    begin = timezone.now() - datetime.timedelta(days=days)
    rows: QuerySet[Any] = model.objects.for_org(visible.org_id)  # type: ignore[attr-defined]  # both are tenant tables
    # The bound on the id is for Postgres alone: it leaves the partitions of older weeks unread.
    return rows.filter(
        deployment_id=visible.deployment_id, ended_at__gte=begin, run_id__gte=first_uuid7_at(begin - _LONGEST_RUN)
    )


def _total(parts: Iterable[QuerySet[Any]], days: int) -> Cost:
    sums: Counter[str] = Counter()
    for rows in parts:
        found = rows.aggregate(
            runs=Count("run_id", distinct=True), cost=Sum("cost_micros"), cpu=Sum("cpu_seconds"), gib=Sum("gib_seconds")
        )
        sums.update({name: value or 0 for name, value in found.items()})
    return Cost(
        days=days,
        currency=default_price_book().currency,
        runs=sums["runs"],
        cost_micros=sums["cost"],
        cpu_seconds=float(sums["cpu"]),
        gib_seconds=float(sums["gib"]),
    )
