"""Random histories, lived by dagster's own instance and by ours side by side: what happens in the one is written into the other."""

import datetime
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor
from dagster._core.definitions.asset_selection import AssetSelection
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.automation_tick_evaluation_context import AutomationTickEvaluationContext
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from dagster._core.events import (
    AssetObservationData,
    DagsterEvent,
    DagsterEventType,
    StepMaterializationData,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._core.utils import make_new_backfill_id
from dagster._serdes import deserialize_value, serialize_value

from controlplane.evaluator.graph import merged, repository_of
from tests.automation.dagster_runs import requested_run
from tests.automation.our_side import OurSide
from tests.cast import Cast

# Long ago: what our tables date themselves is later.
START = datetime.datetime(2025, 11, 20, 22, 7, tzinfo=datetime.UTC)
ACTIONS = [
    *("made", "made", "made", "made", "made", "starts", "starts", "ends", "ends", "seen", "seen", "checked", "checks"),
    *("key", "waits", "fresh", "fills", "fills"),
]


@dataclass
class History:
    """Two instances, and what has been fed from the one to the other."""

    cast: Cast
    definitions: dg.Definitions
    chance: random.Random
    now: datetime.datetime = START
    emit_backfills: bool = False
    actions: Sequence[str] = tuple(ACTIONS)
    # As their code location wrote them; with our dagster otherwise.
    snapshot: str = ""
    fed: int = 0
    # Each with its assets, its checks and its partition.
    runs: list[Any] = field(default_factory=list)
    # Ids of dagster's backfills and of ours that go on, and what is left of each.
    backfills: list[tuple[str, Any, list[Any]]] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)
    # Checks and partitions that were evaluated without a run.
    reported: set[Any] = field(default_factory=set)
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.repository = self.definitions.get_repository_def()
        self.theirs = dg.DagsterInstance.ephemeral()
        self.graph = self.repository.asset_graph
        self.keys = sorted(self.graph.materializable_asset_keys)
        self.observed = sorted(self.graph.observable_asset_keys)
        self.with_freshness = sorted(key for key in self.keys if self.graph.get(key).freshness_policy is not None)
        snapshot = self.snapshot or serialize_value(RepositorySnap.from_def(self.repository, defer_snapshots=True))
        self.ours = OurSide(self.cast, merged({"shop": repository_of("shop", snapshot)}), self.emit_backfills)
        self.cursor = AssetDaemonCursor.empty()

    def happens(self) -> None:
        """Something or nothing, then time passes."""
        for _ in range(self.chance.choice([0, 0, 1, 1, 2, 3])):
            action = self.chance.choice(self.actions)
            getattr(self, f"_{action}")(self.chance.choice(self.keys))
        self.now += datetime.timedelta(seconds=self.chance.choice([1, 30, 30, 30, 600, 3600]))
        self._feed()

    def _partition(self, key: Any) -> str | None:
        definition = self.graph.get(key).partitions_def
        if definition is None:
            return None
        keys = definition.get_partition_keys(current_time=self.now, dynamic_partitions_store=self.theirs)
        return self.chance.choice(keys[-4:]) if keys else ""

    def _write(self, event: DagsterEvent, run_id: str = "") -> None:
        # Nothing happens at the same time.
        self.now += datetime.timedelta(milliseconds=1)
        self.theirs.handle_new_event(
            EventLogEntry(None, 20, "", run_id, self.now.timestamp(), event.step_key, event.job_name or "j", event)
        )
        self._dated()

    def _dated(self) -> None:
        """Executions of checks begin when they do in this history; the database would say today."""
        storage: Any = self.theirs.event_log_storage
        with storage.index_connection() as connection:
            connection.exec_driver_sql(
                "update asset_check_executions set create_timestamp = ? where create_timestamp not like '%.%'",
                (self.now.strftime("%Y-%m-%d %H:%M:%S.%f"),),
            )

    def _made(self, key: dg.AssetKey, run_id: str = "", partition: str | None = None) -> None:
        partition = partition if run_id else self._partition(key)
        if partition != "":
            self._materialized(key, partition, run_id)

    def _materialized(self, key: dg.AssetKey, partition: str | None, run_id: str = "") -> None:
        version = {"dagster/data_version": str(self.chance.randint(0, 2))}
        made = dg.AssetMaterialization(key, partition=partition, tags=version)
        data = StepMaterializationData(made)
        self._write(DagsterEvent(DagsterEventType.ASSET_MATERIALIZATION.value, "j", event_specific_data=data), run_id)
        self.log.append(f"made {key.to_user_string()} {partition} in {run_id[-4:]}")

    def _seen(self, key: dg.AssetKey) -> None:
        chosen = self.chance.choice([key, *self.observed])
        partition = self._partition(chosen)
        if partition != "":
            observed = dg.AssetObservation(
                chosen, partition=partition, tags={"dagster/data_version": str(self.chance.randint(0, 2))}
            )
            data = AssetObservationData(observed)
            self._write(DagsterEvent(DagsterEventType.ASSET_OBSERVATION.value, "j", event_specific_data=data))
            self.log.append(f"observed {chosen.to_user_string()} {partition}")

    def _checked(self, _key: dg.AssetKey) -> None:
        check = self.chance.choice(sorted(self.graph.asset_check_keys))
        partition = self._partition(check)
        # Of a partition, dagster's storage takes one evaluation without a run.
        if partition is None or (check, partition) not in self.reported:
            self.reported.add((check, partition))
            self._evaluate(check, partition)

    def _evaluate(self, check: dg.AssetCheckKey, partition: str | None, run_id: str = "") -> None:
        wanted = dg.AssetRecordsFilter(check.asset_key, asset_partitions=[partition] if partition else None)
        found = self.theirs.fetch_materializations(wanted, limit=1).records
        of_which = self.chance.random() < 0.7 and found
        evaluation = dg.AssetCheckEvaluation(
            asset_key=check.asset_key,
            check_name=check.name,
            passed=self.chance.random() < 0.6,
            metadata={},
            target_materialization_data=AssetCheckEvaluationTargetMaterializationData(
                storage_id=found[0].storage_id, run_id=found[0].run_id, timestamp=found[0].timestamp
            )
            if of_which
            else None,
            partition=partition,
        )
        event = DagsterEvent(DagsterEventType.ASSET_CHECK_EVALUATION.value, "j", event_specific_data=evaluation)
        self._write(event, run_id)
        self.log.append(f"checked {check.to_user_string()} {partition} {evaluation.passed} in {run_id[-4:]}")

    def _checks(self, _key: dg.AssetKey) -> None:
        """A run of a check alone."""
        check = self.chance.choice(sorted(self.graph.asset_check_keys))
        self._run([], [check], self._partition(check))

    def _fresh(self, _key: dg.AssetKey) -> None:
        if not self.with_freshness:
            return
        key = self.chance.choice(self.with_freshness)
        state = self.chance.choice([FreshnessState.PASS, FreshnessState.WARN, FreshnessState.FAIL])
        data = FreshnessStateChange(
            key=key, new_state=state, previous_state=FreshnessState.UNKNOWN, state_change_timestamp=self.now.timestamp()
        )
        self._write(DagsterEvent(DagsterEventType.FRESHNESS_STATE_CHANGE.value, "j", event_specific_data=data))
        self.ours.is_fresh(key, state.value, self.now)
        self.log.append(f"freshness {key.to_user_string()} {state.value}")

    def _key(self, _key: dg.AssetKey) -> None:
        name = f"k{self.chance.randint(0, 5)}"
        has = self.theirs.has_dynamic_partition("dyn", name)
        if has and self.chance.random() < 0.4:
            self.theirs.delete_dynamic_partition("dyn", name)
            self.ours.ask("delete_dynamic_partition", name="dyn", partition=name)
        elif not has:
            self.theirs.add_dynamic_partitions("dyn", [name])
            self.ours.ask("add_dynamic_partitions", name="dyn", partitions=[name])
        self.log.append(f"key {name}")

    def _starts(self, key: dg.AssetKey) -> None:
        partition = self._partition(key)
        if partition == "":
            return
        keys = self.graph.get(key).execution_set_asset_keys
        checks = self.graph.get_check_keys_for_assets(keys) if self.chance.random() < 0.7 else []
        self._run(sorted(keys), sorted(checks), partition)

    def _run(self, keys: list[dg.AssetKey], checks: list[dg.AssetCheckKey], partition: str | None) -> None:
        tags = {"team": self.chance.choice("ab"), **({"dagster/partition": partition} if partition else {})}
        run = requested_run(self.theirs, self.repository, keys, checks, tags=tags, at=self.now)
        self.ours.runs(run, checks, partition, self.now)
        self._write(DagsterEvent(DagsterEventType.RUN_START.value, run.job_name), run.run_id)
        self.runs.append((run, keys, checks, partition))
        self.log.append(f"starts {_names(keys)} {_names(checks)} {partition} {run.run_id[-4:]}")

    def _ends(self, _key: dg.AssetKey) -> None:
        if not self.runs:
            return
        run, keys, checks, partition = self.runs.pop(self.chance.randrange(len(self.runs)))
        how = self.chance.choice(["RUN_SUCCESS", "RUN_SUCCESS", "RUN_SUCCESS", "RUN_FAILURE", "RUN_CANCELED"])
        if how == "RUN_SUCCESS" or self.chance.random() < 0.3:
            for key in keys:
                self._made(key, run.run_id, partition)
        for check in checks:
            if self.chance.random() < (0.8 if how == "RUN_SUCCESS" else 0.3):
                self._evaluate(check, partition, run.run_id)
        self._write(DagsterEvent(getattr(DagsterEventType, how).value, run.job_name), run.run_id)
        self.log.append(f"{how} {run.run_id[-4:]}")

    def _fills(self, _key: dg.AssetKey) -> None:
        """A backfill makes something, fails at something, or is over."""
        if not self.backfills:
            return
        place = self.chance.randrange(len(self.backfills))
        theirs, ours, left = self.backfills[place]
        how = self.chance.choice(["materialized", "materialized", "failed", "over"])
        found = self.theirs.get_backfill(theirs)
        assert found is not None
        if how == "over" or not left:
            self.backfills.pop(place)
            self.theirs.update_backfill(found.with_status(BulkActionStatus.COMPLETED_FAILED))
            self.ours.backfill_is_over(ours)
            self.log.append("a backfill is over")
            return
        key, partition = left.pop(self.chance.randrange(len(left)))
        if how == "materialized":
            self._materialized(key, partition)
        definition = self.graph.get(key).partitions_def
        keys = {key: definition.subset_with_partition_keys([partition])} if definition else {}
        subset = AssetGraphSubset(keys, set() if definition else {key})
        data = found.get_asset_backfill_data(self.graph)
        name = "materialized_subset" if how == "materialized" else "failed_and_downstream_subset"
        data = data._replace(**{name: getattr(data, name) | subset})
        self.theirs.update_backfill(found.with_asset_backfill_data(data, self.theirs, self.graph))
        self.ours.backfill_goes_on(ours, key, partition, how)
        self.log.append(f"backfill: {key.to_user_string()} {partition} {how}")

    def _waits(self, _key: dg.AssetKey) -> None:
        self.now += datetime.timedelta(hours=self.chance.choice([1, 6, 25]))

    def _feed(self) -> None:
        """What has been written there since is written here, as an agent's report would be."""
        storage: Any = self.theirs.event_log_storage
        with storage.index_connection() as connection:
            found = connection.exec_driver_sql(
                "select id, event from event_logs where id > ? order by id", (self.fed,)
            ).fetchall()
        for event_id, serialized in found:
            self.ours.happens(deserialize_value(serialized, EventLogEntry), event_id)
            self.fed = event_id

    def dagster_requests(self) -> set[tuple[Any, ...]]:
        """What dagster requests when it evaluates everything."""
        context = AutomationTickEvaluationContext(
            evaluation_id=self.cursor.evaluation_id + 1,
            instance=self.theirs,
            asset_graph=self.graph,
            cursor=self.cursor,
            materialize_run_tags={},
            observe_run_tags={},
            auto_observe_asset_keys=set(),
            asset_selection=AssetSelection.all(include_sources=True) | AssetSelection.all_asset_checks(),
            asset_job_keys=self.graph.automatable_asset_job_keys,
            logger=_quiet(),
            emit_backfills=self.emit_backfills,
            evaluation_time=self.now,
        )
        requests, self.cursor, _ = context.evaluate()
        self.asked = [request for request in requests if request.requires_backfill_daemon()]
        return parts_of(requests)

    def our_requests(self) -> set[tuple[Any, ...]]:
        """What we request, evaluating what can have changed; and backfills that both asked for begin."""
        evaluated = self.ours.evaluate(self.now)
        found = parts_of(evaluated.requests)
        for asked in evaluated.backfills:
            found |= {(key, partition or None, "backfill") for key, rows in asked.keys.items() for _, partition in rows}
        for theirs, ours in zip(self.asked, evaluated.backfills, strict=False):
            self._begin(theirs.asset_graph_subset, ours)
        return found

    def _begin(self, subset: AssetGraphSubset, asked: Any) -> None:
        backfill = PartitionBackfill.from_asset_graph_subset(
            backfill_id=make_new_backfill_id(),
            dynamic_partitions_store=self.theirs,
            backfill_timestamp=self.now.timestamp(),
            asset_graph_subset=subset,
            tags={},
            title=None,
            description=None,
            run_config=None,
        )
        self.theirs.add_backfill(backfill)
        left = [(one.asset_key, one.partition_key) for one in subset.iterate_asset_partitions()]
        self.backfills.append((backfill.backfill_id, self.ours.begin(asked), sorted(left, key=str)))
        self.log.append(f"backfill of {len(left)}")


def parts_of(requests: Any) -> set[tuple[Any, ...]]:
    """Every asset, check and job that is requested, with its partition; what a backfill makes says so."""
    found: set[tuple[Any, ...]] = set()
    for request in requests:
        if request.requires_backfill_daemon():
            parts = request.asset_graph_subset.iterate_asset_partitions()
            found |= {(one.asset_key.to_user_string(), one.partition_key, "backfill") for one in parts}
            continue
        for key in [*(request.asset_selection or []), *(request.asset_check_keys or [])]:
            found.add((key.to_user_string(), request.partition_key))
        if request.job_name:
            found.add((f":{request.job_name}", request.partition_key))
    return found


def _names(keys: Iterable[Any]) -> str:
    return ",".join(key.to_user_string() for key in keys)


def _quiet() -> Any:
    import logging

    quiet = logging.getLogger("tests.differential")
    quiet.setLevel(logging.CRITICAL)
    return quiet
