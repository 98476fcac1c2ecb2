"""What backfills have still to make, for conditions that ask: the control plane knows, in a form that is not dagster's."""

from collections.abc import Mapping, Sequence
from typing import Any

from dagster import AssetKey
from dagster._utils.caching_instance_queryer import CachingInstanceQueryer

try:
    from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
except ImportError:  # before 1.11
    from dagster._core.definitions.asset_graph_subset import AssetGraphSubset  # type: ignore[no-redef,import-not-found,unused-ignore]

# Conditions ask for the one, or where dagster does not have it yet, for the other.
_ASKED_FOR = (
    "get_active_backfill_in_progress_asset_graph_subset",
    "get_active_backfill_target_asset_graph_subset",
)
_KEPT = "_daggerboard_backfills_under_way"


def answer_by_control_plane() -> None:
    """From now on, in this process: dagster would read and unpack every active backfill."""
    for name in _ASKED_FOR:
        if hasattr(CachingInstanceQueryer, name):
            setattr(CachingInstanceQueryer, name, under_way)


def under_way(queryer: Any) -> AssetGraphSubset:
    """The partitions that are targeted or being made; asked for once by each queryer."""
    if not hasattr(queryer, _KEPT):
        answers = queryer.instance.run_storage.read("backfills_under_way")
        setattr(queryer, _KEPT, subset_of(queryer.asset_graph, answers))
    found: AssetGraphSubset = getattr(queryer, _KEPT)
    return found


def subset_of(graph: Any, answers: Sequence[Mapping[str, Any]]) -> AssetGraphSubset:
    """`[{"asset": path, "partitions": [key]}]`; an asset without partitions has none."""
    subsets, whole = {}, set()
    for answer in answers:
        key = AssetKey(answer["asset"])
        if not graph.has(key):
            continue
        definition = graph.get(key).partitions_def
        if definition is None:
            whole.add(key)
        else:
            subsets[key] = definition.subset_with_partition_keys(answer["partitions"])
    return AssetGraphSubset(partitions_subsets_by_asset_key=subsets, non_partitioned_asset_keys=whole)
