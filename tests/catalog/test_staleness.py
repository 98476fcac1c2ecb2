"""Out of sync as dagster's own resolver says, over random histories of code, data and dependencies."""

import datetime
import random
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from controlplane.catalog.models import AssetState
from controlplane.catalog.staleness import Staleness, staleness
from controlplane.definitions.graph import AssetGraph
from tests.factories import asset, make_manifest

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
    states = {name: _state(name, instance) for name in [*NAMES, "source"]}
    found = {name: staleness(name, nodes, states) for name in [*NAMES, "source"]}
    return {name: one for name, one in found.items() if one is not None}


def _state(name: str, instance: dg.DagsterInstance) -> AssetState:
    state = AssetState(asset_key=name)
    for kind, read in (
        ("materialization", instance.fetch_materializations),
        ("observation", instance.fetch_observations),
    ):
        records = read(dg.AssetKey(name), limit=1).records
        if records:
            at = datetime.datetime.fromtimestamp(records[0].timestamp, datetime.UTC)
            said: Any = (
                records[0].asset_materialization
                if kind == "materialization"
                else records[0].event_log_entry.asset_observation
            )
            setattr(state, f"{kind}_tags", dict(said.tags or {}))
            setattr(state, "materialized_at" if kind == "materialization" else "observed_at", at)
    return state


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
