"""Reads about partitions: what each partition's latest events are, and the keys of dynamic definitions."""

from typing import Any, Literal, get_args

from django.db.models import F, Q
from django.db.models.functions import Coalesce

from controlplane.catalog.current_partitions import dynamic_keys
from controlplane.catalog.models import AssetEvent, AssetState, DynamicPartition, PartitionState
from controlplane.runs.instance_assets import Kind
from controlplane.runs.instance_scope import Arguments, Scope, between, key_text


class MaterializedPartitions(Arguments, frozen=True):
    asset: list[str]
    after_id: int | None = None
    before_id: int | None = None


class IncompletePartitions(Arguments, frozen=True):
    asset: list[str]
    after_id: int | None = None


class Planned(Arguments, frozen=True):
    asset: list[str]
    partition: str | None = None


class LatestTags(Arguments, frozen=True):
    # Either: the latest of both that has any of the tags.
    kind: Kind | Literal["either"]
    asset: list[str]
    tags: list[str]
    partitions: list[str] | None = None
    after_id: int | None = None
    before_id: int | None = None


class LatestIds(Arguments, frozen=True):
    kind: Kind
    asset: list[str]
    partitions: list[str] | None = None
    after_id: int | None = None


class DynamicName(Arguments, frozen=True):
    name: str


class DynamicKey(Arguments, frozen=True):
    name: str
    partition: str


def materialized_partitions(scope: Scope, args: MaterializedPartitions) -> list[str]:
    if args.after_id is None and args.before_id is None:
        states = _states(scope, args.asset).filter(materialization_id__isnull=False)
        return list(states.order_by("partition_key").values_list("partition_key", flat=True))
    events = scope.events("materialization", args.asset).filter(partition_key__isnull=False)
    rows = events.filter(**scope.settled(args.after_id), **between("id", args.after_id, args.before_id))
    return sorted({key for key in rows.values_list("partition_key", flat=True) if key is not None})


def incomplete_partitions(scope: Scope, args: IncompletePartitions) -> dict[str, list[Any]]:
    """Planned later than materialized: in progress or failed, which the run's status tells."""
    rows = _states(scope, args.asset).filter(planned_id__gt=Coalesce(F("materialization_id"), 0))
    rows = rows.filter(**between("planned_id", args.after_id, None))
    found = rows.values_list("partition_key", "planned_run_id", "planned_id")
    return {partition: [str(run_id), planned_id] for partition, run_id, planned_id in found}


def planned_materialization(scope: Scope, args: Planned) -> dict[str, Any] | None:
    if args.partition is None:
        rows = scope.rows(AssetState).filter(asset_key=key_text(args.asset))
    else:
        rows = _states(scope, args.asset).filter(partition_key=args.partition)
    found = rows.exclude(planned_id=None).values_list("planned_id", "planned_run_id").first()
    return {"id": found[0], "run_id": str(found[1])} if found else None


def latest_tags_by_partition(scope: Scope, args: LatestTags) -> dict[str, dict[str, str]]:
    if args.kind == "materialization" and args.after_id is None and args.before_id is None:
        states = _chosen(_states(scope, args.asset).filter(materialization_id__isnull=False), args.partitions)
        rows = states.values_list("partition_key", "materialization_tags")
    else:
        rows = _latest_events(scope, args, args.before_id).values_list("partition_key", "tags")
    return {partition: {name: tags[name] for name in args.tags if name in tags} for partition, tags in rows}


def latest_ids_by_partition(scope: Scope, args: LatestIds) -> dict[str, int]:
    if args.kind == "materialization":
        states = _chosen(_states(scope, args.asset).filter(materialization_id__isnull=False), args.partitions)
        rows = states.filter(**between("materialization_id", args.after_id, None))
        return dict(rows.values_list("partition_key", "materialization_id"))
    return dict(_latest_events(scope, args, None).values_list("partition_key", "id"))


def _latest_events(scope: Scope, args: LatestTags | LatestIds, before_id: int | None) -> Any:
    if args.kind == "either":
        events = scope.rows(AssetEvent).filter(kind__in=get_args(Kind), asset_key=key_text(args.asset))
        events = events.filter(tags__has_any_keys=args.tags, partition_key__isnull=False)
    else:
        events = scope.events(args.kind, args.asset).filter(partition_key__isnull=False)
    rows = _chosen(events.filter(**between("id", args.after_id, before_id)), args.partitions)
    return rows.order_by("partition_key", "-id").distinct("partition_key")


def _chosen(rows: Any, partitions: list[str] | None) -> Any:
    return rows if partitions is None else rows.filter(Q(partition_key__in=partitions))


def _states(scope: Scope, asset: list[str]) -> Any:
    return scope.rows(PartitionState).filter(asset_key=key_text(asset))


def dynamic_partitions(scope: Scope, args: DynamicName) -> list[str]:
    return dynamic_keys(scope.org_id, scope.deployment_id, args.name)


def has_dynamic_partition(scope: Scope, args: DynamicKey) -> bool:
    return scope.rows(DynamicPartition).filter(definition=args.name, partition_key=args.partition).exists()


METHODS: dict[str, Any] = {
    "materialized_partitions": (MaterializedPartitions, materialized_partitions),
    "incomplete_partitions": (IncompletePartitions, incomplete_partitions),
    "planned_materialization": (Planned, planned_materialization),
    "latest_tags_by_partition": (LatestTags, latest_tags_by_partition),
    "latest_ids_by_partition": (LatestIds, latest_ids_by_partition),
    "dynamic_partitions": (DynamicName, dynamic_partitions),
    "has_dynamic_partition": (DynamicKey, has_dynamic_partition),
}
