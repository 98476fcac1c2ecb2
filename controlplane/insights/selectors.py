"""Reading usage and cost. Every figure is of a window that ends now, in the currency of the default price book."""

import datetime
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Model, QuerySet, Sum
from django.db.models.functions import TruncDay
from django.utils import timezone

from controlplane.insights.models import AssetUsage, StepUsage
from controlplane.insights.pricing import default_price_book
from tenants.ids import first_uuid7_at
from tenants.scoping import org_scope

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


def asset_cost(org_id: UUID, deployment_id: UUID, key: str, *, days: int = 30) -> Cost:
    """What one asset used."""
    with org_scope(org_id):
        return _total(_window(AssetUsage, org_id, deployment_id, days).filter(asset_key=key), days)


def deployment_cost(org_id: UUID, deployment_id: UUID, *, days: int = 30) -> Cost:
    """What all runs of a deployment used."""
    with org_scope(org_id):
        return _total(_window(StepUsage, org_id, deployment_id, days), days)


def daily_cost(org_id: UUID, deployment_id: UUID, *, days: int = 30) -> list[Share]:
    """Cost by day (UTC), oldest first; days without usage are absent."""
    with org_scope(org_id):
        by_day = _window(StepUsage, org_id, deployment_id, days).annotate(day=TruncDay("ended_at")).values("day")
        rows = by_day.annotate(cost=Sum("cost_micros")).order_by("day")
        return [Share(row["day"].date(), row["cost"]) for row in rows]


def costliest_assets(org_id: UUID, deployment_id: UUID, *, days: int = 30, most: int = 5) -> list[Share]:
    """The assets that cost most, the dearest first."""
    with org_scope(org_id):
        by_asset = _window(AssetUsage, org_id, deployment_id, days).values("asset_key")
        rows = by_asset.annotate(cost=Sum("cost_micros")).order_by("-cost", "asset_key")[:most]
        return [Share(row["asset_key"], row["cost"]) for row in rows]


def run_memory_peak(org_id: UUID, run_id: UUID) -> int:
    """The largest resident memory of any step of a run, in bytes."""
    with org_scope(org_id):
        peak = StepUsage.objects.for_org(org_id).filter(run_id=run_id).aggregate(peak=Max("peak_rss_bytes"))["peak"]
    return int(peak or 0)


def _window(model: type[Model], org_id: UUID, deployment_id: UUID, days: int) -> QuerySet[Any]:
    begin = timezone.now() - datetime.timedelta(days=days)
    rows: QuerySet[Any] = model.objects.for_org(org_id)  # type: ignore[attr-defined]  # both are tenant tables
    # The bound on the id is for Postgres alone: it leaves the partitions of older weeks unread.
    return rows.filter(
        deployment_id=deployment_id, ended_at__gte=begin, run_id__gte=first_uuid7_at(begin - _LONGEST_RUN)
    )


def _total(rows: QuerySet[Any], days: int) -> Cost:
    sums: dict[str, Any] = rows.aggregate(
        runs=Count("run_id", distinct=True), cost=Sum("cost_micros"), cpu=Sum("cpu_seconds"), gib=Sum("gib_seconds")
    )
    return Cost(
        days=days,
        currency=default_price_book().currency,
        runs=sums["runs"],
        cost_micros=sums["cost"] or 0,
        cpu_seconds=sums["cpu"] or 0.0,
        gib_seconds=sums["gib"] or 0.0,
    )
