"""Out of sync as dagster's own resolver says, over random histories of code, data and dependencies."""

import datetime
import random
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import dagster as dg
import msgspec
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from controlplane.catalog import staleness_selectors
from controlplane.catalog.models import AssetEventKind
from controlplane.catalog.projections import apply
from controlplane.catalog.rows import AssetEventRow
from controlplane.catalog.staleness import Judge, Place, Record, Staleness
from controlplane.definitions.graph import AssetGraph
from controlplane.definitions.manifest import Manifest
from controlplane.deployments.visibility import all_of
from tenants.ids import uuid7
from tenants.scoping import org_scope
from tests.automation.conftest import WORKER
from tests.cast import Cast
from tests.factories import asset, make_location, make_manifest

NAMES = ["a", "b", "c", "d", "e"]


class History:
    """A project whose code and dependencies change between materializations and observations."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.code: dict[str, str | None] = {name: rng.choice([None, "1"]) for name in NAMES}
        self.deps = {
            name: [up for up in [*NAMES[:at], "source"] if rng.random() < 0.5] for at, name in enumerate(NAMES)
        }

    def definitions(self) -> list[Any]:
        @dg.observable_source_asset(name="source")
        def source() -> dg.DataVersion:
            return dg.DataVersion(str(self.rng.randrange(3)))

        return [source, *(self._asset(name) for name in NAMES)]

    def _asset(self, name: str) -> Any:
        provided = self.rng.random() < 0.2

        @dg.asset(name=name, deps=self.deps[name], code_version=self.code[name])
        def made() -> Any:
            return dg.MaterializeResult(data_version=dg.DataVersion(str(self.rng.randrange(2)))) if provided else None

        return made

    def change(self) -> None:
        name = self.rng.choice(NAMES)
        what = self.rng.randrange(3)
        if what == 0:
            self.code[name] = self.rng.choice([None, "1", "2"])
        elif what == 1:
            options = [*NAMES[: NAMES.index(name)], "source"]
            self.deps[name] = [up for up in options if self.rng.random() < 0.5]


def ours(history: History, instance: dg.DagsterInstance) -> dict[str, Staleness]:
    """From the records that a control plane keeps."""
    assets = [asset(name, *history.deps[name], code_version=history.code[name]) for name in NAMES]
    source = asset("source", is_external=True, is_observable=True, is_executable=False, is_materializable=False)
    nodes = AssetGraph.of({"shop": make_manifest([*assets, source])}).nodes
    judge = Judge(nodes, lambda *_given: [], {})
    judge.records = known(nodes, instance)
    found = {name: judge.staleness((name, None)) for name in nodes}
    return {name: one for name, one in found.items() if one is not None}


def known(keys: Iterable[str], instance: dg.DagsterInstance) -> dict[Place, Record]:
    """The latest record of each."""
    newest = ((key, max(_records(key, instance), key=lambda one: one.at, default=None)) for key in keys)
    return {(key, None): record for key, record in newest if record is not None}


def _records(key: str, instance: dg.DagsterInstance) -> Iterator[Record]:
    asked = dg.AssetKey(key)
    for records in (instance.fetch_materializations(asked, limit=1), instance.fetch_observations(asked, limit=1)):
        for record in records.records:
            said: Any = record.asset_materialization or record.event_log_entry.asset_observation
            yield Record(record.storage_id, dict(said.tags or {}), record.timestamp)


@pytest.mark.parametrize("seed", range(2))
def test_it_is_as_out_of_sync_as_dagster_says(seed: int) -> None:
    history = History(random.Random(seed))
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(5):
            definitions = history.definitions()
            chosen = [name for name in NAMES if history.rng.random() < 0.4]
            if chosen:
                dg.materialize(definitions, instance=instance, selection=chosen)
            if history.rng.random() < 0.4:
                from dagster._core.definitions.observe import observe

                observe([definitions[0]], instance=instance)
            history.change()
            definitions = history.definitions()
            graph = dg.Definitions(assets=definitions).resolve_asset_graph()
            resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
            found = ours(history, instance)
            for name in [*NAMES, "source"]:
                key = dg.AssetKey(name)
                causes = {
                    (cause.category.value, cause.reason, cause.dependency_asset_key.to_user_string() if cause.dependency_asset_key else None)
                    for cause in resolver.get_stale_causes(key)
                }  # fmt: skip
                said = {(cause.category.value, cause.reason, cause.upstream) for cause in found[name].causes}
                assert (name, found[name].status.value, said) == (name, resolver.get_status(key).value, causes)


STATIC = dg.StaticPartitionsDefinition(["a", "b", "c"])
HOURS = dg.HourlyPartitionsDefinition("2026-01-01-00:00", end_date="2026-01-03-00:00")
DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-03")
GRID = dg.MultiPartitionsDefinition({"letter": STATIC, "side": dg.StaticPartitionsDefinition(["x", "y"])})
OTHER = dg.StaticPartitionsDefinition(["n", "m"])
TO_OTHER = dg.StaticPartitionMapping({"a": "n", "b": {"n", "m"}})
BEFORE = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)
LAST = dg.LastPartitionMapping()
TIMES = dg.MultiPartitionsDefinition({"day": DAYS, "other": OTHER})
TURNED = dg.MultiPartitionsDefinition({"date": DAYS, "number": OTHER})
# Of a dimension that is not named, all counts.
BY_SIDE = dg.MultiPartitionMapping({"letter": dg.DimensionPartitionMapping("number", TO_OTHER)})
BY_DAY = dg.MultiPartitionMapping(
    {
        "day": dg.DimensionPartitionMapping("date", BEFORE),
        "other": dg.DimensionPartitionMapping("number", dg.AllPartitionMapping()),
    }
)
# Name, partitions, and inputs with their mappings.
PARTITIONED: list[tuple[str, Any, dict[str, Any]]] = [
    ("plain", None, {}),
    ("letters", STATIC, {}),
    ("same", STATIC, {"letters": None, "plain": None}),
    ("other", OTHER, {"letters": TO_OTHER}),
    ("whole", None, {"letters": None}),
    ("hours", HOURS, {}),
    ("days", DAYS, {"hours": None}),
    ("later", DAYS, {"days": BEFORE}),
    ("newest", None, {"days": LAST}),
    ("none", None, {"days": None}),
    ("grid", GRID, {"letters": None}),
    ("rows", STATIC, {"grid": None}),
    ("times", TIMES, {}),
    ("turned", TURNED, {"grid": BY_SIDE, "times": BY_DAY}),
    ("view", None, {"plain": None}),
    ("outlook", None, {"view": None, "whole": None}),
    ("behind", None, {"outlook": None}),
    ("beneath", STATIC, {"view": None, "letters": None}),
]
VIRTUAL = {"view", "outlook"}
# Of hours, enough for one day.
KEYS = {"hours": ["2026-01-01-00:00", "2026-01-01-07:00", "2026-01-02-23:00"]}


def partitioned(code: dict[str, str | None]) -> list[Any]:
    def made(name: str, definition: Any, inputs: dict[str, Any]) -> Any:
        @dg.asset(
            name=name,
            deps=[dg.AssetDep(up, partition_mapping=mapping) for up, mapping in inputs.items()],
            partitions_def=definition,
            code_version=code[name],
            is_virtual=name in VIRTUAL,
        )
        def compute() -> None: ...

        return compute

    return [made(*one) for one in PARTITIONED]


def manifest_of(definitions: dg.Definitions) -> Manifest:
    assert WORKER.exists()
    from daggerboard_worker.manifest.build import build_manifest, repository_snapshot

    loaded: Any = SimpleNamespace(repository=definitions.get_repository_def(), location=SimpleNamespace(name="shop"))
    return msgspec.convert(build_manifest(loaded, repository_snapshot(loaded)), Manifest)


class Copy:
    """Materializations in dagster's own instance, each copied here as if it had happened here."""

    def __init__(self, cast: Cast, instance: dg.DagsterInstance) -> None:
        self.cast, self.instance = cast, instance
        self.ids: dict[str, str] = {}

    def made(self, place: Place) -> None:
        key, partition = place
        wanted = dg.AssetRecordsFilter(dg.AssetKey(key), asset_partitions=[partition] if partition else None)
        [record] = self.instance.fetch_materializations(wanted, limit=1).records
        said, deployment_id = record.asset_materialization, self.cast.deployment.id
        assert said is not None
        # Pointers to events are those of here too.
        tags = {
            name: self.ids.get(value, value) if name.startswith("dagster/input_event_pointer/") else value
            for name, value in (said.tags or {}).items()
        }
        at = datetime.datetime.fromtimestamp(record.timestamp, datetime.UTC)
        kind = AssetEventKind.MATERIALIZATION
        row = AssetEventRow(kind, deployment_id, key, partition and str.__str__(partition), uuid7(), at, tags=tags)
        with org_scope(self.cast.org_id):
            apply(self.cast.org_id, [row])
        self.ids[str(record.storage_id)] = str(row.id)

    def compare(self, definitions: dg.Definitions, places: list[Place]) -> int:
        """How many of them are out of sync."""
        graph = definitions.resolve_asset_graph()
        resolver = CachingStaleStatusResolver(self.instance, graph, LoadingContextForTest(self.instance))
        visible, unsynced = all_of(self.cast.org_id, self.cast.deployment.id), 0
        found = staleness_selectors._judged(visible, places)
        for key, partition in places:
            asked, ours = dg.AssetKey(key), found[key, partition]
            wanted = {
                (cause.category.value, cause.reason, *_about(cause))
                for cause in resolver.get_stale_causes(asked, partition)
            }
            said = {(cause.category.value, cause.reason, cause.upstream, cause.partition) for cause in ours.causes}
            status = resolver.get_status(asked, partition).value
            assert (key, partition, ours.status.value, said) == (key, partition, status, wanted)
            unsynced += ours.is_unsynced
        return unsynced


def _about(cause: Any) -> tuple[str | None, str | None]:
    dependency = cause.dependency
    return (dependency.asset_key.to_user_string(), dependency.partition_key) if dependency else (None, None)


def test_partitions_are_as_out_of_sync_as_dagster_says(cast: Cast) -> None:
    """Through the database, over random materializations and a change of code."""
    rng, unsynced = random.Random(4), 0
    code: dict[str, str | None] = {name: rng.choice([None, "1"]) for name, _keys, _inputs in PARTITIONED}
    places: list[Place] = [
        (name, key)
        for name, keys, _inputs in PARTITIONED
        for key in (KEYS.get(name) or [str.__str__(one) for one in keys.get_partition_keys()] if keys else [None])
    ]
    with dg.DagsterInstance.ephemeral() as instance:
        copy = Copy(cast, instance)
        for _round in range(3):
            code[rng.choice(PARTITIONED)[0]] = rng.choice(["1", "2"])
            definitions = dg.Definitions(partitioned(code))
            make_location(cast, manifest=manifest_of(definitions))
            for name, key in rng.sample(places, 12):
                dg.materialize(definitions.assets or [], instance=instance, selection=[name], partition_key=key)
                copy.made((name, key))
            unsynced += copy.compare(definitions, places)
    assert unsynced > 5
