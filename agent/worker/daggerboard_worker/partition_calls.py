"""Partitions as only user code knows them: their keys, how they map, and what a job configures for one."""

from typing import Any

from dagster import AssetKey

from daggerboard_worker.call_instance import CallPlace
from daggerboard_worker.compat import accepted, in_store, partition_context, partition_keys
from daggerboard_worker.errors import DaggerboardError
from daggerboard_worker.instance import open_instance
from daggerboard_worker.loading import LoadedLocation
from daggerboard_worker.run_tags import partition_tags, partitions_definition
from daggerboard_worker.tick_answers import exact_json

Json = dict[str, Any]


class NotPartitionedError(DaggerboardError):
    """Partitions were asked for of something that has none."""


def job_partition(loaded: LoadedLocation, args: Json, place: CallPlace) -> Json:
    """`{"job", "partition"}`: the config and tags that a run of this partition of the job starts with."""
    job, partition = loaded.repository.get_job(args["job"]), args["partition"]
    with open_instance(place.instance_ref()) as instance, partition_context(instance):
        if partitions_definition(job, loaded.repository) is None:
            raise NotPartitionedError(f"The job {job.name} has no partitions.")
        config = job.partitioned_config.get_run_config_for_partition_key(partition) if job.partitioned_config else {}
        tags = partition_tags(job, loaded.repository, partition)
    return {"run_config": exact_json(dict(config), f"The run config of the partition {partition!r}"), "tags": tags}


def list_partition_keys(loaded: LoadedLocation, args: Json, place: CallPlace) -> Json:
    """`{"asset": path}` or `{"job": name}`: all keys there are now, in order."""
    if args.get("asset") is not None:
        definition = definition_of(loaded, AssetKey(args["asset"]))
    else:
        definition = partitions_definition(loaded.repository.get_job(args["job"]), loaded.repository)
    if definition is None:
        raise NotPartitionedError(f"The {'asset' if args.get('asset') else 'job'} has no partitions.")
    with open_instance(place.instance_ref()) as instance, partition_context(instance):
        return {"keys": partition_keys(definition, instance)}


def map_partitions(loaded: LoadedLocation, args: Json, place: CallPlace) -> Json:
    """`{"child", "parent", "direction": "upstream" | "downstream", "keys"}`: the keys of the other asset.

    `keys` are the child's when going upstream, the parent's when going downstream.
    """
    child, parent = AssetKey(args["child"]), AssetKey(args["parent"])
    mapping = loaded.repository.asset_graph.get_partition_mapping(child, parent)
    of_child, of_parent = definition_of(loaded, child), definition_of(loaded, parent)
    with open_instance(place.instance_ref()) as instance, partition_context(instance):
        if args["direction"] == "upstream":
            subset = of_child.subset_with_partition_keys(args["keys"]) if of_child else None
            call = mapping.get_upstream_mapped_partitions_result_for_partitions
            found = call(subset, of_child, of_parent, **accepted(call, in_store(instance))).partitions_subset
        else:
            call = mapping.get_downstream_partitions_for_partitions
            subset = of_parent.subset_with_partition_keys(args["keys"])
            found = call(subset, of_parent, of_child, **accepted(call, in_store(instance)))
        return {"keys": list(found.get_partition_keys())}


def definition_of(loaded: LoadedLocation, asset: AssetKey) -> Any:
    return loaded.repository.asset_graph.get(asset).partitions_def
