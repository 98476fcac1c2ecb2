"""The few writes that user code can reach: dynamic partitions, reported events, wiped assets, tags of runs."""

import datetime
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from agent.protocol import Event, Usage
from controlplane.catalog import changes, dynamic_partitions, wiping
from controlplane.catalog import projections as catalog
from controlplane.catalog.models import DynamicPartition
from controlplane.catalog.rows import AssetEventRow, CheckRow
from controlplane.catalog.wiping import Wiped
from controlplane.core import wakeups
from controlplane.runs import asset_rows, event_bounds, run_tags
from controlplane.runs.instance_partitions import DynamicKey
from controlplane.runs.instance_runs import OneRun, run_uuid
from controlplane.runs.instance_scope import Arguments, Scope, key_text
from controlplane.runs.models import Run
from tenants.errors import InvalidError, NotFoundError

# In one request; a definition of more is added in several.
_ADDED_MAX = 100_000
_DELETED_AT_ONCE = 10_000


class AddDynamicPartitions(Arguments, frozen=True):
    name: str
    partitions: list[str]


class ReportedEvent(Arguments, frozen=True):
    """agent.protocol.Event without its place in a run."""

    type: str
    ts: float = 0.0
    level: int = 20
    step: str | None = None
    message: str = ""
    data: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    usage: Usage | None = None
    serdes: str | None = None


class ReportEvent(Arguments, frozen=True):
    event: ReportedEvent
    run_id: str | None = None


class WipeAsset(Arguments, frozen=True):
    asset: list[str]
    partitions: list[str] | None = None


class AddRunTags(Arguments, frozen=True):
    run_id: str
    tags: dict[str, str]


def add_dynamic_partitions(scope: Scope, args: AddDynamicPartitions) -> None:
    if len(args.partitions) > _ADDED_MAX:
        raise InvalidError(
            f"{_ADDED_MAX} partitions can be added at once; these are {len(args.partitions)}.", attr="partitions"
        )
    for text in (args.name, *args.partitions):
        if not text or "\0" in text or event_bounds.key(text) != text:
            raise InvalidError(f"{text[:50]!r} is empty or too long for a partition.", attr="partitions")
    dynamic_partitions.insert(scope.org_id, scope.deployment_id, args.name, args.partitions)


def delete_dynamic_partition(scope: Scope, args: DynamicKey) -> None:
    delete_dynamic_partitions(scope, args.name, [args.partition])


def delete_dynamic_partitions(scope: Scope, name: str, keys: Sequence[str]) -> None:
    """Those of them that are there, at once."""
    rows = scope.rows(DynamicPartition).filter(definition=name)
    for start in range(0, len(keys), _DELETED_AT_ONCE):
        rows.filter(partition_key__in=keys[start : start + _DELETED_AT_ONCE]).delete()
    changes.note(scope.org_id, [(scope.deployment_id, "")])


def report_event(scope: Scope, args: ReportEvent) -> None:
    """An asset event outside any run, or of another run. What is no event of an asset changes nothing."""
    report_events(scope, [args.event], run_id=_run_of_scope(scope, args.run_id) if args.run_id else None)


def report_events(scope: Scope, events: Sequence[ReportedEvent], *, run_id: UUID | None = None) -> None:
    """As `report_event`, many at once and in their order; `run_id` is of a run of the deployment."""
    now = datetime.datetime.now(datetime.UTC)
    built = [_row(scope, event, now, run_id) for event in events]
    rows = [row for row in built if row]
    if rows:
        catalog.apply(scope.org_id, rows)
        wakeups.wake(f"org:{scope.org_id}:runs")


def _row(
    scope: Scope, reported: ReportedEvent, now: datetime.datetime, run_id: UUID | None
) -> AssetEventRow | CheckRow | None:
    event = Event(seq=1, **{name: getattr(reported, name) for name in reported.__struct_fields__})
    at = datetime.datetime.fromtimestamp(event_bounds.moment(event.ts, now), datetime.UTC)
    return asset_rows.build(event, at, deployment_id=scope.deployment_id, run_id=run_id)


def wipe_asset(scope: Scope, args: WipeAsset) -> None:
    """At once, for the code goes on when it is done; people's wipes go in bites (controlplane/external/wipes)."""
    wiped = Wiped(scope.org_id, scope.deployment_id, key_text(args.asset), wiping.newest_id())
    partitions = None if args.partitions is None else frozenset(args.partitions)
    wiping.wipe_partition_states(wiped, args.partitions)
    if partitions is None:
        wiping.wipe_asset_states(wiped)
    seen_to: int | None = 0
    while seen_to is not None:
        seen_to = wiping.wipe_history(wiped, partitions, after_id=seen_to).seen_to
    if partitions is not None:
        wiping.settle(wiped, partitions)
    wiped.note()


def add_run_tags(scope: Scope, args: AddRunTags) -> None:
    run_id = _run_of_scope(scope, args.run_id)
    run_tags.add(scope.org_id, scope.deployment_id, run_id, args.tags)


def delete_run(scope: Scope, args: OneRun) -> None:
    _run_of_scope(scope, args.run_id)
    raise InvalidError("Runs are kept: user code cannot delete them.")


def _run_of_scope(scope: Scope, text: str) -> UUID:
    run_id = run_uuid(text)
    if not scope.rows(Run).filter(id=run_id).exists():
        raise NotFoundError("There is no such run in this deployment.")
    return run_id


METHODS: dict[str, Any] = {
    "add_dynamic_partitions": (AddDynamicPartitions, add_dynamic_partitions),
    "delete_dynamic_partition": (DynamicKey, delete_dynamic_partition),
    "report_event": (ReportEvent, report_event),
    "wipe_asset": (WipeAsset, wipe_asset),
    "add_run_tags": (AddRunTags, add_run_tags),
    "delete_run": (OneRun, delete_run),
}
