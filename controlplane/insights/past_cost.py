"""What assets cost when they were made before: the ground for saying what making them again will cost."""

import datetime
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count, Sum
from django.utils import timezone

from controlplane.deployments.visibility import Visible
from controlplane.insights.models import AssetUsage
from tenants.ids import first_uuid7_at
from tenants.permissions import Permission
from tenants.scoping import org_scope

# A run may end days after its id was made.
_LONGEST_RUN = datetime.timedelta(days=14)


@dataclass(frozen=True)
class PastCost:
    """What one asset used in a window of days, in so many runs; money is in micro-units of the price book's currency."""

    runs: int
    cost_micros: int
    wall_seconds: float

    @property
    def per_run_micros(self) -> int:
        return round(self.cost_micros / self.runs)

    @property
    def per_run_seconds(self) -> float:
        return self.wall_seconds / self.runs


def past_cost(visible: Visible, keys: Collection[str], *, days: int = 30) -> dict[str, PastCost]:
    """By asset key; an asset that did not run, or whose cost the caller may not see, is absent."""
    part = visible.part(Permission.COST_READ)
    wanted = [key for key in keys if part.has_asset(key)]
    begin = timezone.now() - datetime.timedelta(days=days)
    with org_scope(visible.org_id):
        rows = AssetUsage.objects.for_org(visible.org_id).filter(
            deployment_id=visible.deployment_id,
            asset_key__in=wanted,
            ended_at__gte=begin,
            run_id__gte=first_uuid7_at(begin - _LONGEST_RUN),
        )
        sums = rows.values("asset_key").annotate(
            runs=Count("run_id", distinct=True), cost=Sum("cost_micros"), wall=Sum("wall_seconds")
        )
        return {row["asset_key"]: PastCost(row["runs"], row["cost"], row["wall"]) for row in sums}


def seconds_of_runs(
    visible: Visible, run_ids: Collection[object], keys: Collection[str]
) -> dict[tuple[str, str], float]:
    """Seconds that the steps of an asset took, its share of them, by run id and asset key."""
    part = visible.part(Permission.RUN_READ)
    wanted = [key for key in keys if part.has_asset(key)]
    with org_scope(visible.org_id):
        rows = AssetUsage.objects.for_org(visible.org_id).filter(
            deployment_id=visible.deployment_id, asset_key__in=wanted, run_id__in=list(run_ids)
        )
        sums = rows.values("run_id", "asset_key").annotate(wall=Sum("wall_seconds"))
        return {(str(row["run_id"]), row["asset_key"]): row["wall"] for row in sums}
