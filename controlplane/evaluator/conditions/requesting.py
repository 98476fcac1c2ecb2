"""From the runs that dagster requests to the runs that we store as asked for."""

from collections.abc import Iterator
from typing import Any

import dagster
from dagster import PartitionsDefinition
from dagster._core.definitions.asset_key import AssetKey, EntityKey
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

from controlplane.automation.backfills.targets import NO_PARTITION
from controlplane.automation.conditions.backfilling import AskedBackfill
from controlplane.automation.requests import Asked
from controlplane.evaluator.entities import text_of
from controlplane.runs.requests import RunRequest
from tenants.errors import InvalidError

# Dagster's own tags.
FROM_CONDITION_TAG = "dagster/from_automation_condition"
EVALUATION_TAG = "dagster/asset_evaluation_id"


def asked(location: str, number: int, request: dagster.RunRequest) -> Asked:
    """One run of a job, or of assets and checks, of one code location."""
    tags = tags_of(request, number)
    partition = None if request.partition_key is None else str(request.partition_key)
    if request.job_name:
        wanted = RunRequest(location=location, job=request.job_name, partition=partition, tags=tags)
    else:
        wanted = RunRequest(
            location=location,
            assets=_texts(request.asset_selection),
            checks=_texts(request.asset_check_keys),
            partition=partition,
            tags=tags,
        )
    return Asked(wanted)


def _texts(keys: object) -> list[str] | None:
    return None if keys is None else sorted(text_of(key) for key in keys)  # type: ignore[attr-defined]  # a list of keys


def tags_of(request: dagster.RunRequest, number: int) -> dict[str, str]:
    """Its tags, with those that say which evaluation requested it."""
    return {**request.tags, FROM_CONDITION_TAG: "true", EVALUATION_TAG: str(number)}


def asked_backfill(graph: BaseAssetGraph[Any], number: int, request: dagster.RunRequest) -> AskedBackfill:
    """A request of a backfill. Call it inside dagster's partition_loading_context: places are those of the partitions as of now."""
    subset = request.asset_graph_subset
    assert subset is not None, "it asks for runs"
    places: dict[PartitionsDefinition, dict[str, int]] = {}
    keys: dict[str, list[tuple[int, str]]] = {}
    for key in _upstreams_first(graph, subset):
        definition = graph.get(key).partitions_def
        if definition is None:
            keys[text_of(key)] = [(0, NO_PARTITION)]
            continue
        if definition not in places:
            places[definition] = {name: place for place, name in enumerate(definition.get_partition_keys())}
        known, wanted = places[definition], subset.get_partitions_subset(key).get_partition_keys()
        # A dynamic partition that is asked for may be taken away meanwhile.
        keys[text_of(key)] = sorted((known[name], str(name)) for name in wanted if name in known)
    return AskedBackfill(keys, tags_of(request, number))


def too_large(graph: BaseAssetGraph[Any], request: dagster.RunRequest, most: int) -> dict[EntityKey, Exception]:
    """Of a request of a backfill that would make more than `most` partitions: its assets, and the checks that these bring along, each
    with the error that says so. Rows of a backfill are stored in one transaction, which the next evaluation waits for.
    """
    subset = request.asset_graph_subset
    assert subset is not None, "it asks for runs"
    count = subset.num_partitions_and_non_partitioned_assets
    if count <= most:
        return {}
    error = InvalidError(
        f"{count:,} partitions of {len(subset.asset_keys):,} assets are requested at once, and one backfill makes at most {most:,}: nothing "
        "of it was requested. Launch backfills of a part of the partitions yourself, or let the condition ask for fewer at a time, as with "
        "in_latest_time_window()."
    )
    return {one: error for key in subset.asset_keys for one in graph.get_execution_set_asset_and_check_keys(key)}


def _upstreams_first(graph: BaseAssetGraph[Any], subset: AssetGraphSubset) -> Iterator[AssetKey]:
    for level in graph.toposorted_entity_keys_by_level:
        yield from sorted(key for key in level if isinstance(key, AssetKey) and key in subset.asset_keys)
