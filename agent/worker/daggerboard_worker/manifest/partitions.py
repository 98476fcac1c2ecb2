"""Partitions definitions and the mappings between them."""

from typing import Any

from dagster import (
    DynamicPartitionsDefinition,
    MultiPartitionsDefinition,
    StaticPartitionsDefinition,
    TimeWindowPartitionsDefinition,
)

from daggerboard_worker.bounds import plain_json
from daggerboard_worker.manifest.interning import Interned, Json

# Mappings that are pure functions of their fields: whoever has the manifest can compute them.
BUILTIN_MAPPINGS = frozenset(
    {
        "AllPartitionMapping",
        "IdentityPartitionMapping",
        "LastPartitionMapping",
        "MultiPartitionMapping",
        "MultiToSingleDimensionPartitionMapping",
        "SpecificPartitionsPartitionMapping",
        "StaticPartitionMapping",
        "TimeWindowPartitionMapping",
    }
)
MAPPING_FIELDS = (
    "start_offset",
    "end_offset",
    "allow_nonexistent_upstream_partitions",
    "partition_keys",
    "partition_dimension_name",
    "downstream_partition_keys_by_upstream_partition_key",
)


def partitions_ref(interned: Interned, definition: Any) -> str | None:
    if definition is None:
        return None
    known = interned.remembered(definition)
    if known is None:
        content = partitions_json(interned, definition)
        known = interned.remember(definition, interned.put(interned.partitions_definitions, content))
    return known


def partitions_json(interned: Interned, definition: Any) -> Json:
    return {"cls": type(definition).__name__, **kind_of_partitions(interned, definition)}


def kind_of_partitions(interned: Interned, definition: Any) -> Json:
    if isinstance(definition, TimeWindowPartitionsDefinition):
        return {"kind": "time_window", **time_window(definition)}
    if isinstance(definition, StaticPartitionsDefinition):
        return {"kind": "static", "keys": plain_json(definition.get_partition_keys())}
    if isinstance(definition, DynamicPartitionsDefinition):
        return {"kind": "dynamic", "name": definition.name}
    if isinstance(definition, MultiPartitionsDefinition):
        dimensions = [
            {"name": dimension.name, "partitions": partitions_ref(interned, dimension.partitions_def)}
            for dimension in definition.partitions_defs
        ]
        return {"kind": "multi", "dimensions": dimensions}
    return {"kind": "opaque"}


def time_window(definition: TimeWindowPartitionsDefinition) -> Json:
    return {
        "start": definition.start.isoformat(),
        "end": definition.end.isoformat() if definition.end else None,
        "timezone": definition.timezone,
        "fmt": definition.fmt,
        "cron": definition.cron_schedule,
        "end_offset": definition.end_offset,
        "exclusions": plain_json(getattr(definition, "exclusions", None)),
    }


def mapping_json(mapping: Any) -> Json | None:
    """The mapping a dependency names; null where dagster infers one."""
    if mapping is None:
        return None
    name = type(mapping).__name__
    args: Json = {field: plain_json(getattr(mapping, field)) for field in MAPPING_FIELDS if hasattr(mapping, field)}
    nested = getattr(mapping, "downstream_mappings_by_upstream_dimension", None)
    if nested:
        args["dimensions"] = {
            upstream: {"dimension": item.dimension_name, "mapping": mapping_json(item.partition_mapping)}
            for upstream, item in nested.items()
        }
    return {"cls": name, "builtin": name in BUILTIN_MAPPINGS, "args": args}
