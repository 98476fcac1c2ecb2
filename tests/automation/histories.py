"""Random histories, lived by dagster's own instance and by ours side by side: what happens in the one is written into the other."""

import datetime
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import dagster as dg
import msgspec
from daggerboard_worker.events import event_from_entry
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor
from dagster._core.definitions.asset_selection import AssetSelection
from dagster._core.definitions.automation_tick_evaluation_context import AutomationTickEvaluationContext
from dagster._core.events import (
    AssetObservationData,
    DagsterEvent,
    DagsterEventType,
    StepMaterializationData,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import deserialize_value, serialize_value

from agent.protocol import Event
from controlplane.catalog import changes, projections
from controlplane.catalog.models import AssetEventKind
from controlplane.catalog.rows import AssetEventRow
from controlplane.definitions.asset_keys import to_text
from controlplane.evaluator.conditions.following import concerned, due_next
from controlplane.evaluator.conditions.selective import Evaluation
from controlplane.evaluator.conditions.watching import Watches, conditioned
from controlplane.evaluator.graph import merged, repository_of
from controlplane.evaluator.instance import instance_of
from controlplane.runs import asset_rows
from controlplane.runs.instance_scope import Scope
from controlplane.runs.instance_view import answer_within
from controlplane.runs.models import Run
from tenants.ids import uuid7
from tenants.scoping import org_scope
from tests.cast import Cast

START = datetime.datetime(2026, 11, 20, 22, 7, tzinfo=datetime.UTC)
ENDS = {"PIPELINE_SUCCESS": "SUCCESS", "PIPELINE_FAILURE": "FAILURE", "PIPELINE_CANCELED": "CANCELED"}
ACTIONS = ["made", "made", "made", "made", "starts", "starts", "ends", "ends", "seen", "checked", "key", "waits"]


@dataclass
class History:
    """Two instances, and what has been fed from the one to the other."""

    cast: Cast
    definitions: dg.Definitions
    chance: random.Random
    now: datetime.datetime = START
    fed: int = 0
    runs: list[Any] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.repository = self.definitions.get_repository_def()
        self.theirs = dg.DagsterInstance.ephemeral()
        self.graph = self.repository.asset_graph
        self.keys = sorted(self.graph.materializable_asset_keys)
        snapshot = serialize_value(RepositorySnap.from_def(self.repository, defer_snapshots=True))
        self.ours = OurSide(self.cast, merged({"shop": repository_of("shop", snapshot)}))
        self.cursor = AssetDaemonCursor.empty()

    def happens(self) -> None:
        """Something or nothing, then time passes."""
        for _ in range(self.chance.choice([0, 0, 1, 1, 2, 3])):
            action = self.chance.choice(ACTIONS)
            getattr(self, f"_{action}")(self.chance.choice(self.keys))
        self.now += datetime.timedelta(seconds=self.chance.choice([1, 30, 30, 30, 600, 3600]))
        self._feed()

    def _partition(self, key: dg.AssetKey) -> str | None:
        definition = self.graph.get(key).partitions_def
        if definition is None:
            return None
        keys = definition.get_partition_keys(current_time=self.now, dynamic_partitions_store=self.theirs)
        return self.chance.choice(keys[-4:]) if keys else ""

    def _write(self, event: DagsterEvent, run_id: str = "") -> None:
        self.theirs.handle_new_event(
            EventLogEntry(None, 20, "", run_id, self.now.timestamp(), event.step_key, event.job_name or "j", event)
        )

    def _made(self, key: dg.AssetKey, run_id: str = "", partition: str | None = None) -> None:
        partition = partition if run_id else self._partition(key)
        if partition == "":
            return
        version = {"dagster/data_version": str(self.chance.randint(0, 2))}
        made = dg.AssetMaterialization(key, partition=partition, tags=version)
        data = StepMaterializationData(made)
        self._write(DagsterEvent(DagsterEventType.ASSET_MATERIALIZATION.value, "j", event_specific_data=data), run_id)
        self.log.append(f"made {key.to_user_string()} {partition} in {run_id[-4:]}")

    def _seen(self, key: dg.AssetKey) -> None:
        chosen = self.chance.choice([key, dg.AssetKey("seen")])
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
        evaluation = dg.AssetCheckEvaluation(
            asset_key=check.asset_key, check_name=check.name, passed=self.chance.random() < 0.6, metadata={}
        )
        event = DagsterEvent(DagsterEventType.ASSET_CHECK_EVALUATION.value, "j", event_specific_data=evaluation)
        self._write(event)
        self.log.append(f"checked {check.to_user_string()}")

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
        keys = frozenset(self.graph.get(key).execution_set_asset_keys)
        job = self.repository.get_maybe_subset_job_def("__ASSET_JOB", asset_selection=keys)
        tags = {"team": self.chance.choice("ab"), **({"dagster/partition": partition} if partition else {})}
        run = self.theirs.create_run_for_job(job, run_id=str(uuid7()), asset_selection=keys, tags=tags)
        self._write(DagsterEvent(DagsterEventType.RUN_START.value, run.job_name), run.run_id)
        self.ours.runs(run)
        self.runs.append((run, sorted(keys), partition))
        self.log.append(f"starts {key.to_user_string()} {partition} {run.run_id[-4:]}")

    def _ends(self, _key: dg.AssetKey) -> None:
        if not self.runs:
            return
        run, keys, partition = self.runs.pop(self.chance.randrange(len(self.runs)))
        how = self.chance.choice(["RUN_SUCCESS", "RUN_SUCCESS", "RUN_SUCCESS", "RUN_FAILURE", "RUN_CANCELED"])
        if how == "RUN_SUCCESS" or self.chance.random() < 0.3:
            for key in keys:
                self._made(key, run.run_id, partition)
        self._write(DagsterEvent(getattr(DagsterEventType, how).value, run.job_name), run.run_id)
        self.log.append(f"{how} {run.run_id[-4:]}")

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
            self.ours.happens(deserialize_value(serialized, EventLogEntry))
            self.fed = event_id

    def dagster_requests(self) -> set[tuple[str, str | None]]:
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
            logger=_quiet(),
            emit_backfills=False,
            evaluation_time=self.now,
        )
        requests, self.cursor, _ = context.evaluate()
        return parts_of(requests)


class OurSide:
    """The same in our tables, and the evaluation of what can have changed."""

    def __init__(self, cast: Cast, graph: Any) -> None:
        self.cast, self.graph = cast, graph
        self.watches = Watches(graph)
        self.eligible = frozenset(conditioned(graph))
        self.cursors: dict[Any, str] = {}
        self.due: dict[Any, datetime.datetime | None] = {}
        self.number = 0
        self.evaluated = 0
        with org_scope(cast.org_id):
            changes.watch(cast.org_id, cast.deployment.id, changes.Consumer.CONDITIONS, wanted=True)

    @cached_property
    def scope(self) -> Scope:
        return Scope(self.cast.org_id, self.cast.deployment.id)

    def ask(self, method: str, **arguments: Any) -> Any:
        """As user code would."""
        with org_scope(self.cast.org_id):
            return answer_within(lambda: self.scope, method, arguments)

    def runs(self, run: Any) -> None:
        """A run exists; what it plans comes as events."""
        row = Run(
            id=run.run_id,
            org_id=self.cast.org_id,
            deployment_id=self.cast.deployment.id,
            location_id=uuid7(),
            location_name="shop",
            version_id=uuid7(),
            job_name=run.job_name,
            status="STARTED",
            asset_selection=[to_text(list(key.path)) for key in run.asset_selection],
            tags=dict(run.tags),
            queue="default",
            actor_kind="user",
            actor_label="x",
        )
        with org_scope(self.cast.org_id):
            row.save(force_insert=True)

    def happens(self, entry: EventLogEntry) -> None:
        event = entry.dagster_event
        if event is None:
            return
        at = datetime.datetime.fromtimestamp(entry.timestamp, datetime.UTC)
        org_id, deployment_id = self.cast.org_id, self.cast.deployment.id
        with org_scope(org_id):
            if event.event_type_value == "ASSET_MATERIALIZATION_PLANNED":
                planned = event.event_specific_data
                row: Any = AssetEventRow(
                    kind=AssetEventKind.PLANNED,
                    deployment_id=deployment_id,
                    asset_key=to_text(list(planned.asset_key.path)),
                    partition_key=planned.partition,
                    run_id=entry.run_id,
                    at=at,
                )
                projections.apply(org_id, [row])
            elif event.event_type_value in ENDS:
                status = ENDS[event.event_type_value]
                ended = projections.EndedRun(deployment_id, entry.run_id, at, failed=status == "FAILURE")
                projections.record_ends(org_id, [ended])
                Run.objects.for_org(org_id).filter(id=entry.run_id).update(status=status)
            else:
                wire = msgspec.convert({"seq": 0, **event_from_entry(entry)}, Event, strict=False)
                row = asset_rows.build(wire, at, deployment_id=deployment_id, run_id=entry.run_id or None)
                if row is not None:
                    projections.apply(org_id, [row])

    def requests(self, now: datetime.datetime) -> set[tuple[str, str | None]]:
        """What is requested when only what can have changed is evaluated."""
        self.number += 1
        with org_scope(self.cast.org_id), instance_of(self.scope) as instance:
            read = changes.read(self.cast.org_id, self.cast.deployment.id, changes.Consumer.CONDITIONS)
            changed = concerned(self.watches, read)
            dirty = changed | {key for key, at in self.due.items() if at and at <= now}
            dirty |= {key for key in self.eligible if key not in self.cursors}
            evaluated = Evaluation(
                instance=instance,
                graph=self.graph,
                watches=self.watches,
                eligible=self.eligible,
                number=self.number,
                now=now,
                cursors=self._load,
            ).of(dirty)
            changes.forget(self.cast.org_id, read)
        assert not evaluated.errors, evaluated.errors
        self.evaluated += len(evaluated.outcomes)
        self.cursors |= {key: outcome.cursor for key, outcome in evaluated.outcomes.items()}
        self.due |= due_next(evaluated, self.watches, self.eligible, now, changed=changed, again_seconds=0)
        return parts_of(evaluated.requests)

    def _load(self, keys: Any) -> Mapping[Any, Any]:
        return {key: deserialize_value(self.cursors[key]) for key in keys if key in self.cursors}


def parts_of(requests: Any) -> set[tuple[str, str | None]]:
    """Every asset, check and job that is requested, with its partition."""
    found = set()
    for request in requests:
        for key in [*(request.asset_selection or []), *(request.asset_check_keys or [])]:
            found.add((key.to_user_string(), request.partition_key))
        if request.job_name:
            found.add((f":{request.job_name}", request.partition_key))
    return found


def _quiet() -> Any:
    import logging

    quiet = logging.getLogger("tests.differential")
    quiet.setLevel(logging.CRITICAL)
    return quiet
