"""The tags and config a run starts with: the job's, the partition's, the request's, in rising order."""

from typing import Any

from dagster import JobDefinition, MultiPartitionKey, MultiPartitionsDefinition

from daggerboard_worker.compat import selected_asset_keys
from daggerboard_worker.run_spec import RunSpec

PARTITION_TAG = "dagster/partition"


def run_tags(job: JobDefinition, repository: Any, spec: RunSpec) -> dict[str, str]:
    return {**job.run_tags, **partition_tags(job, repository, spec.partition), **spec.tags}


def run_config(job: JobDefinition, spec: RunSpec) -> dict[str, Any]:
    """A run of one partition without config of its own gets what the job configures for that partition."""
    if spec.run_config or spec.partition is None or job.partitioned_config is None:
        return spec.run_config
    return dict(job.partitioned_config.get_run_config_for_partition_key(spec.partition))


def partition_tags(job: JobDefinition, repository: Any, partition: str | None) -> dict[str, str]:
    if partition is None:
        return {}
    tags = {PARTITION_TAG: partition}
    if job.partitioned_config is not None:
        tags.update(job.partitioned_config.get_tags_for_partition_key(partition, job_name=job.name))
    definition = partitions_definition(job, repository)
    if isinstance(definition, MultiPartitionsDefinition):
        tags.update(dimension_tags(definition, partition))
    return tags


def partitions_definition(job: JobDefinition, repository: Any) -> Any:
    """The job's, or that of its first partitioned asset: they agree, or dagster would refuse the run."""
    if job.partitions_def is not None:
        return job.partitions_def
    graph = repository.asset_graph
    of_assets = (graph.get(key).partitions_def for key in selected_asset_keys(job))
    return next((definition for definition in of_assets if definition is not None), None)


def dimension_tags(definition: MultiPartitionsDefinition, partition: str) -> dict[str, str]:
    key = definition.get_partition_key_from_str(partition)
    if not isinstance(key, MultiPartitionKey):
        return {}
    return {f"{PARTITION_TAG}/{dimension}": part for dimension, part in key.keys_by_dimension.items()}
