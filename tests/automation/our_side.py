"""Our side of a random history: what happened in dagster's instance is written into our tables, and what can have changed is evaluated."""

import datetime
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import dagster as dg
import msgspec
from daggerboard_worker.events import event_from_entry
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.events import DagsterEvent
from dagster._core.events.log import EventLogEntry
from dagster._serdes import deserialize_value

from agent.protocol import Event
from controlplane.automation.backfills import progress
from controlplane.automation.conditions import backfilling
from controlplane.automation.conditions.backfilling import AskedBackfill
from controlplane.automation.models import Backfill, BackfillPartition
from controlplane.catalog import changes, projections
from controlplane.catalog.models import AssetEventKind, FreshnessState
from controlplane.catalog.rows import AssetEventRow
from controlplane.definitions.asset_keys import check_text, to_text
from controlplane.evaluator.conditions.backfilling import in_progress
from controlplane.evaluator.conditions.following import concerned, due_next
from controlplane.evaluator.conditions.selective import Evaluated, Evaluation
from controlplane.evaluator.conditions.watching import Watches, conditioned
from controlplane.evaluator.instance import instance_of
from controlplane.runs import asset_rows, planned_checks, services
from controlplane.runs.instance_scope import Scope
from controlplane.runs.instance_view import answer_within
from controlplane.runs.models import Run
from tenants.ids import uuid7
from tenants.scoping import org_scope
from tests.cast import Cast

ENDS = {"PIPELINE_SUCCESS": "SUCCESS", "PIPELINE_FAILURE": "FAILURE", "PIPELINE_CANCELED": "CANCELED"}


class OurSide:
    """The same in our tables, and the evaluation of what can have changed."""

    def __init__(self, cast: Cast, graph: Any, emit_backfills: bool) -> None:
        self.cast, self.graph, self.emit_backfills = cast, graph, emit_backfills
        # Of events, by dagster's.
        self.ids: dict[int, int] = {}
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

    def runs(self, run: Any, planned: list[Any], partition: str | None, at: datetime.datetime) -> None:
        """A run is requested, of these checks; what it plans of assets comes as events."""
        checks = [check_text(list(key.asset_key.path), key.name) for key in planned]
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
            check_selection=checks,
            partition_key=partition,
            tags=dict(run.tags),
            queue="default",
            actor_kind="user",
            actor_label="x",
            created_at=at,
        )
        with org_scope(self.cast.org_id):
            row.save(force_insert=True)
            services._label(row, checks)
            planned_checks.note(row.org_id, row.deployment_id, checks)

    def is_fresh(self, key: Any, state: str, at: datetime.datetime) -> None:
        """As the sweep stores it."""
        shared = {"org_id": self.cast.org_id, "deployment_id": self.cast.deployment.id}
        text = to_text(list(key.path))
        with org_scope(self.cast.org_id):
            row = FreshnessState(asset_key=text, state=state, changed_at=at, **shared)
            FreshnessState.unscoped.bulk_create(
                [row],
                update_conflicts=True,
                unique_fields=["deployment_id", "asset_key"],
                update_fields=["state", "changed_at"],
            )
            changes.note(self.cast.org_id, [(self.cast.deployment.id, text)])

    def begin(self, asked: AskedBackfill) -> Backfill:
        """A backfill, as an evaluation stores it."""
        with org_scope(self.cast.org_id):
            return backfilling.store(self.cast.org_id, self.cast.deployment.id, self.number, asked)

    def backfill_goes_on(self, backfill: Backfill, key: Any, partition: str | None, state: str) -> None:
        """A look at it found so."""
        with org_scope(self.cast.org_id):
            rows = BackfillPartition.objects.for_org(self.cast.org_id).filter(backfill_id=backfill.id)
            rows = rows.filter(asset_key=to_text(list(key.path)), partition_key=partition or "")
            assert rows.update(state=state) == 1
            progress.note_assets(backfill)

    def backfill_is_over(self, backfill: Backfill) -> None:
        with org_scope(self.cast.org_id):
            Backfill.objects.for_org(self.cast.org_id).filter(id=backfill.id).update(status="COMPLETED_FAILED")
            progress.note_assets(backfill)

    def happens(self, entry: EventLogEntry, event_id: int) -> None:
        """Dagster's event of this id."""
        event = entry.dagster_event
        if event is None:
            return
        if event.event_type_value == "ASSET_CHECK_EVALUATION" and event.event_specific_data.target_materialization_data:
            entry = self._of_ours(entry)
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
                planned_checks.note_ends(org_id, [entry.run_id])
                Run.objects.for_org(org_id).filter(id=entry.run_id).update(status=status)
            else:
                wire = msgspec.convert({"seq": 0, **event_from_entry(entry)}, Event, strict=False)
                row = asset_rows.build(wire, at, deployment_id=deployment_id, run_id=entry.run_id or None)
                if row is not None:
                    projections.apply(org_id, [row])
                    self.ids[event_id] = row.id

    def _of_ours(self, entry: Any) -> EventLogEntry:
        """The evaluation of a check, with our id of the materialization that it is of."""
        event = entry.dagster_event
        evaluation = event.event_specific_data
        target = evaluation.target_materialization_data
        # What the run made itself has no id in there yet.
        its_own = entry.run_id and target.run_id == entry.run_id
        target = AssetCheckEvaluationTargetMaterializationData(
            storage_id=0 if its_own else self.ids[target.storage_id], run_id=target.run_id, timestamp=target.timestamp
        )
        evaluation = dg.AssetCheckEvaluation(
            asset_key=evaluation.asset_key,
            check_name=evaluation.check_name,
            passed=evaluation.passed,
            metadata={},
            target_materialization_data=target,
            partition=evaluation.partition,
        )
        return EventLogEntry(
            None,
            20,
            "",
            entry.run_id,
            entry.timestamp,
            entry.step_key,
            entry.job_name,
            DagsterEvent(event.event_type_value, "j", event_specific_data=evaluation),
        )

    def evaluate(self, now: datetime.datetime) -> Evaluated:
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
                emit_backfills=self.emit_backfills,
                backfilling=lambda: in_progress(self.scope, self.graph),
            ).of(dirty)
            changes.forget(self.cast.org_id, read)
        assert not evaluated.errors, evaluated.errors
        self.evaluated += len(evaluated.outcomes)
        self.cursors |= {key: outcome.cursor for key, outcome in evaluated.outcomes.items()}
        self.due |= due_next(evaluated, self.watches, self.eligible, now, changed=changed, again_seconds=0)
        return evaluated

    def _load(self, keys: Any) -> Mapping[Any, Any]:
        return {key: deserialize_value(self.cursors[key]) for key in keys if key in self.cursors}
