"""Assets and asset checks, those of other systems and locations included."""

from typing import Any

from daggerboard_worker.bounds import plain_json, text_of
from daggerboard_worker.event_data import asset_path
from daggerboard_worker.manifest.conditions import condition_ref
from daggerboard_worker.manifest.graphs import ops_json
from daggerboard_worker.manifest.interning import Interned, Json
from daggerboard_worker.manifest.partitions import mapping_json, partitions_ref
from daggerboard_worker.metadata import metadata_json

FRESHNESS_FIELDS = (
    "fail_window",
    "warn_window",
    "deadline_cron",
    "lower_bound_delta",
    "timezone",
    "maximum_lag_minutes",
    "cron_schedule",
    "cron_schedule_timezone",
)


def asset_json(interned: Interned, graph: Any, snap: Any) -> Json:
    node = graph.get(snap.asset_key)
    definition = getattr(node, "assets_def", None)
    policy = snap.backfill_policy
    return {
        "key": asset_path(snap.asset_key),
        "deps": asset_dependencies(node, snap),
        "group": snap.group_name,
        "kinds": sorted(getattr(node, "kinds", None) or []),
        "compute_kind": snap.compute_kind,
        "owners": sorted(text_of(owner) for owner in snap.owners or []),
        "tags": plain_json(snap.tags or {}),
        "description": plain_json(snap.description),
        "metadata": metadata_json(snap.metadata),
        "code_version": plain_json(snap.code_version),
        "execution_type": snap.execution_type.value.lower(),
        "is_external": bool(node.is_external),
        "is_observable": bool(snap.is_observable),
        "is_executable": bool(node.is_executable),
        "is_materializable": bool(node.is_materializable),
        "partitions": partitions_ref(interned, node.partitions_def),
        "backfill_policy": {"max_partitions_per_run": policy.max_partitions_per_run} if policy else None,
        "execution_set": snap.execution_set_identifier,
        "op_names": sorted(snap.op_names),
        "graph_name": snap.graph_name,
        "ops": ops_json(definition.node_def) if snap.graph_name and definition is not None else None,
        "output_name": snap.output_name,
        "pools": sorted(getattr(snap, "pools", None) or []),
        "jobs": sorted(snap.job_names),
        "resources": sorted(snap.required_top_level_resources or []),
        "io_manager_key": io_manager_key(definition, snap.asset_key),
        "automation": condition_ref(interned, node.automation_condition),
        "freshness": freshness_json(snap),
        "is_virtual": bool(getattr(snap, "is_virtual", False)),
    }


def asset_dependencies(node: Any, snap: Any) -> list[Json]:
    mappings = getattr(node, "partition_mappings", None) or {}
    parents = sorted(edge.parent_asset_key for edge in snap.parent_edges)
    return [{"asset": asset_path(parent), "mapping": mapping_json(mappings.get(parent))} for parent in parents]


def io_manager_key(definition: Any, key: Any) -> str | None:
    """None for assets that only observe or only exist."""
    if definition is None or not definition.is_materializable:
        return None
    return str(definition.get_io_manager_key_for_asset_key(key))


def freshness_json(snap: Any) -> Json | None:
    policy = getattr(snap, "freshness_policy", None) or getattr(snap, "legacy_freshness_policy", None)
    if policy is None:
        return None
    fields = {name: getattr(policy, name) for name in FRESHNESS_FIELDS if hasattr(policy, name)}
    return {"cls": type(policy).__name__, **{name: duration_or_plain(value) for name, value in fields.items()}}


def duration_or_plain(value: Any) -> Any:
    """Dagster's serializable time delta, in seconds."""
    to_timedelta = getattr(value, "to_timedelta", None)
    return to_timedelta().total_seconds() if to_timedelta else plain_json(value)


def check_json(interned: Interned, graph: Any, snap: Any) -> Json:
    node = graph.get(snap.key) if graph.has(snap.key) else None
    return {
        "asset": asset_path(snap.asset_key),
        "name": snap.name,
        "description": plain_json(snap.description),
        "blocking": bool(snap.blocking),
        "deps": sorted(asset_path(key) for key in snap.additional_asset_keys or []),
        "execution_set": snap.execution_set_identifier,
        "jobs": sorted(snap.job_names),
        "automation": condition_ref(interned, getattr(node, "automation_condition", None)),
        "partitions": partitions_ref(interned, getattr(node, "partitions_def", None)),
    }
