"""What active backfills still have to make, for conditions that ask whether a backfill is in progress."""

from typing import Any

from dagster._core.definitions.asset_key import AssetKey
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.partitions.subset import PartitionsSubset

from controlplane.automation.backfills.under_way import under_way
from controlplane.evaluator.blocking import outside_the_loop
from controlplane.evaluator.entities import asset_key
from controlplane.runs.instance_scope import Scope


def in_progress(scope: Scope, graph: BaseAssetGraph[Any]) -> AssetGraphSubset:
    """By asset, the partitions that are targeted or under way. Call it inside org_scope; dagster asks from its event loop."""
    with outside_the_loop():
        by_asset = under_way(scope)
    subsets: dict[AssetKey, PartitionsSubset[Any]] = {}
    whole: set[AssetKey] = set()
    for text, keys in by_asset.items():
        key: AssetKey = asset_key(text)
        definition = graph.get(key).partitions_def if graph.has(key) else None
        if definition is not None:
            subsets[key] = definition.subset_with_partition_keys(keys - {""})
        elif graph.has(key):
            whole.add(key)
    return AssetGraphSubset(  # type: ignore[call-arg, unused-ignore]  # dagster's decorator hides the fields' defaults
        partitions_subsets_by_asset_key=subsets, non_partitioned_asset_keys=whole
    )
