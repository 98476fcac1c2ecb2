"""What active backfills still have to make, for conditions that ask whether a backfill is in progress; user code asks through its instance."""

from collections import defaultdict
from typing import Any

from controlplane.automation.models import OPEN_BACKFILLS, Backfill, BackfillKind, BackfillPartition, PartitionProgress
from controlplane.definitions.asset_keys import to_parts
from controlplane.runs.instance_scope import Arguments, Scope

_OPEN = (PartitionProgress.TARGETED, PartitionProgress.REQUESTED)


def under_way(scope: Scope) -> dict[str, set[str]]:
    """By asset, the partitions that are targeted or requested; '' of an asset without any. Call it inside org_scope."""
    active = (
        scope.rows(Backfill).filter(kind=BackfillKind.ASSETS, status__in=OPEN_BACKFILLS).values_list("id", flat=True)
    )
    partitions = BackfillPartition.objects.for_org(scope.org_id).filter(backfill_id__in=list(active), state__in=_OPEN)
    by_asset: dict[str, set[str]] = defaultdict(set)
    for asset, partition in partitions.values_list("asset_key", "partition_key"):
        by_asset[asset].add(partition)
    return by_asset


class BackfillsUnderWay(Arguments, frozen=True):
    """Nothing is asked for but all."""


def _answer(scope: Scope, _args: BackfillsUnderWay) -> list[dict[str, Any]]:
    return [
        {"asset": to_parts(asset), "partitions": sorted(keys - {""})}
        for asset, keys in sorted(under_way(scope).items())
    ]


METHODS: dict[str, Any] = {"backfills_under_way": (BackfillsUnderWay, _answer)}
