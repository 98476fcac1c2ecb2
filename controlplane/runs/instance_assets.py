"""Reads about assets: latest records, history, keys."""

import datetime
from typing import Any, Literal

from controlplane.catalog import event_order
from controlplane.catalog.models import AssetEvent, AssetState
from controlplane.definitions.asset_keys import to_parts
from controlplane.runs.instance_runs import run_uuid
from controlplane.runs.instance_scope import KEYS_MAX, Arguments, Scope, between, key_text, page_size, record

Kind = Literal["materialization", "observation"]


class AssetRecords(Arguments, frozen=True):
    assets: list[list[str]] | None = None


class AssetKeys(Arguments, frozen=True):
    prefix: list[str] | None = None
    limit: int | None = None
    after: list[str] | None = None


class OneAsset(Arguments, frozen=True):
    asset: list[str]


class AssetEvents(Arguments, frozen=True):
    kind: Kind
    asset: list[str]
    partitions: list[str] | None = None
    ids: list[int] | None = None
    after_id: int | None = None
    before_id: int | None = None
    after_ts: float | None = None
    before_ts: float | None = None
    limit: int | None = None
    ascending: bool = False


class EventTags(Arguments, frozen=True):
    asset: list[str]
    tags: dict[str, str] | None = None
    id: int | None = None


class AssetEventSummaries(Arguments, frozen=True):
    kind: Kind
    asset: list[str] | None = None
    run_id: str | None = None
    ids: list[int] | None = None
    after_id: int | None = None
    before_id: int | None = None
    limit: int | None = None
    ascending: bool = False


class Nothing(Arguments, frozen=True):
    pass


def asset_records(scope: Scope, args: AssetRecords) -> list[dict[str, Any]]:
    states = scope.rows(AssetState)
    if args.assets is not None:
        states = states.filter(asset_key__in=[key_text(asset) for asset in args.assets])
    settled = scope.settled().get("id__lte")
    return [
        asset_record(state if settled is None else _as_of(scope, state, settled))
        for state in states.order_by("asset_key")[:KEYS_MAX]
    ]


def _as_of(scope: Scope, state: AssetState, settled: int) -> AssetState:
    """The state without what is newer than `settled`; with the last before that instead."""
    for kind in ("materialization", "observation"):
        if (getattr(state, f"{kind}_id") or 0) > settled:
            rows = scope.rows(AssetEvent).filter(kind=kind, asset_key=state.asset_key, id__lte=settled).order_by("-id")
            event_id, serdes, run_id = rows.values_list("id", "serdes", "run_id").first() or (None, "", None)
            setattr(state, f"{kind}_id", event_id)
            setattr(state, f"{kind}_serdes", serdes)
            if kind == "materialization":
                state.materialization_run_id = run_id
    return state


def asset_record(state: AssetState) -> dict[str, Any]:
    materialized, planned = state.materialization_id or 0, state.planned_id or 0
    last_run = state.planned_run_id if planned > materialized else state.materialization_run_id
    return {
        "asset": to_parts(state.asset_key),
        "id": max(materialized, planned, state.observation_id or 0),
        "materialization": record(state.materialization_id, state.materialization_serdes),
        "observation": record(state.observation_id, state.observation_serdes),
        "last_run_id": str(last_run) if last_run else None,
        "planned_id": state.planned_id,
        "planned_run_id": str(state.planned_run_id) if state.planned_run_id else None,
    }


def asset_keys(scope: Scope, args: AssetKeys) -> list[list[str]]:
    prefix, after = args.prefix or [], args.after
    keys = scope.rows(AssetState).values_list("asset_key", flat=True)[:KEYS_MAX]
    paths = sorted(
        path for path in map(to_parts, keys) if path[: len(prefix)] == prefix and (after is None or path > after)
    )
    return paths if args.limit is None else paths[: max(0, args.limit)]


def has_asset_key(scope: Scope, args: OneAsset) -> bool:
    return scope.rows(AssetState).filter(asset_key=key_text(args.asset)).exists()


def asset_events(scope: Scope, args: AssetEvents) -> dict[str, Any]:
    rows = scope.events(args.kind, args.asset).filter(**between("id", args.after_id, args.before_id))
    rows = rows.filter(**scope.settled(args.after_id))
    if args.partitions is not None:
        rows = rows.filter(partition_key__in=args.partitions)
    if args.ids is not None:
        rows = rows.filter(id__in=args.ids)
    if args.after_ts is not None:
        rows = rows.filter(at__gt=_moment(args.after_ts))
    if args.before_ts is not None:
        rows = rows.filter(at__lt=_moment(args.before_ts))
    limit = page_size(args.limit)
    found = list(rows.order_by("id" if args.ascending else "-id").values_list("id", "serdes")[: limit + 1])
    records = (record(event_id, serdes) for event_id, serdes in found[:limit])
    return {"records": [each for each in records if each], "has_more": len(found) > limit}


def asset_event_summaries(scope: Scope, args: AssetEventSummaries) -> list[dict[str, Any]]:
    """The same without dagster's own form of the events. Without a limit it is all of them, as dagster expects."""
    rows = scope.rows(AssetEvent).filter(kind=args.kind, **between("id", args.after_id, args.before_id))
    rows = rows.filter(**scope.settled(args.after_id))
    if args.asset is not None:
        rows = rows.filter(asset_key=key_text(args.asset))
    if args.run_id is not None:
        rows = rows.filter(run_id=run_uuid(args.run_id))
    if args.ids is not None:
        rows = rows.filter(id__in=args.ids)
    limit = KEYS_MAX if args.limit is None else max(1, min(args.limit, KEYS_MAX))
    found = rows.order_by("id" if args.ascending else "-id")
    columns = found.values_list("id", "run_id", "asset_key", "partition_key", "at")[:limit]
    return [
        {
            "id": event_id,
            "run_id": str(run_id) if run_id else "",
            "asset": to_parts(asset),
            "partition": partition,
            "ts": at.timestamp(),
        }
        for event_id, run_id, asset, partition, at in columns
    ]


def _moment(ts: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(max(0.0, min(ts, 4e9)), datetime.UTC)


def event_tags(scope: Scope, args: EventTags) -> list[dict[str, str]]:
    rows = scope.events("materialization", args.asset).exclude(tags={})
    if args.tags:
        rows = rows.filter(tags__contains=args.tags)
    if args.id is not None:
        rows = rows.filter(id=args.id)
    return list(rows.order_by("-id").values_list("tags", flat=True)[:KEYS_MAX])


def max_event_id(scope: Scope, _args: Nothing) -> int | None:
    """The newest id that everybody can see: an id that is taken but not committed yet must not become a cursor."""
    settled = event_order.settled(scope.org_id)
    states = scope.rows(AssetState).values_list("materialization_id", "observation_id", "planned_id")
    newest = max((number for ids in states for number in ids if number is not None), default=None)
    return newest if newest is None else min(newest, settled)


METHODS: dict[str, Any] = {
    "asset_records": (AssetRecords, asset_records),
    "asset_keys": (AssetKeys, asset_keys),
    "has_asset_key": (OneAsset, has_asset_key),
    "asset_events": (AssetEvents, asset_events),
    "asset_event_summaries": (AssetEventSummaries, asset_event_summaries),
    "event_tags": (EventTags, event_tags),
    "max_event_id": (Nothing, max_event_id),
}
