"""Dagster's evaluation of conditions over those that can say something new, and whoever they make say something new.

The conditions and what they mean are dagster's; this decides which are evaluated, and lets one that fails fail alone.
"""

import datetime
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from dagster import DagsterInstance, RunRequest
from dagster._core.asset_graph_view.entity_subset import EntitySubset
from dagster._core.definitions.asset_daemon_cursor import AssetDaemonCursor
from dagster._core.definitions.asset_key import AssetKey, EntityKey
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.automation_tick_evaluation_context import build_run_requests
from dagster._core.definitions.declarative_automation.automation_condition import AutomationResult
from dagster._core.definitions.declarative_automation.automation_condition_evaluator import AutomationConditionEvaluator
from dagster._core.definitions.declarative_automation.serialized_objects import (
    AutomationConditionCursor,
    AutomationConditionEvaluation,
)
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._serdes import serialize_value

from controlplane.automation.backfills.targets import TARGETS_MAX
from controlplane.automation.conditions.backfilling import AskedBackfill
from controlplane.evaluator.blocking import outside_the_loop
from controlplane.evaluator.conditions.requesting import asked_backfill, too_large
from controlplane.evaluator.conditions.watching import Watches

log = logging.getLogger("controlplane.evaluator.conditions")

_BACKFILLING = "get_active_backfill_in_progress_asset_graph_subset"
# Cursors of these, those that there are.
Cursor = AutomationConditionCursor[Any]
LoadCursors = Callable[[Iterable[EntityKey]], Mapping[EntityKey, Cursor]]


class KnownCursors(AssetDaemonCursor):
    """The cursors that an evaluation needs; read in bulk as it learns whose it needs."""

    _load: LoadCursors
    _known: dict[EntityKey, Cursor | None]

    @classmethod
    def of(cls, number: int, load: LoadCursors) -> "KnownCursors":
        """Of the evaluation with this number; none is known yet."""
        cursors = cls(
            evaluation_id=number, last_observe_request_timestamp_by_asset_key={}, previous_evaluation_state=None
        )
        # Dagster's class is frozen.
        object.__setattr__(cursors, "_load", load)
        object.__setattr__(cursors, "_known", {})
        return cursors

    def read(self, keys: Iterable[EntityKey]) -> None:
        """Have the cursors of these at hand."""
        unknown = [key for key in keys if key not in self._known]
        if unknown:
            self._known.update(dict.fromkeys(unknown))
            with outside_the_loop():
                self._known.update(self._load(unknown))

    def get_previous_condition_cursor(self, key: EntityKey) -> Cursor | None:
        """As dagster asks for it."""
        self.read([key])
        return self._known[key]

    def __hash__(self) -> int:
        return hash(id(self))


@dataclass(frozen=True)
class Outcome:
    """What the condition of one asset, check or job said."""

    cursor: str
    # Dagster's record of it, with a tree of what each part said.
    evaluation: AutomationConditionEvaluation[Any]
    # Whether anything in it is other than the last time, and when that was.
    is_news: bool
    evaluated_before: datetime.datetime | None
    requested: int
    # Requested partitions; None where there are none to have.
    partitions: list[str] | None


@dataclass(frozen=True)
class Evaluated:
    """What came of an evaluation: by key; the faults; the runs and the backfills that are requested, and of what."""

    outcomes: Mapping[EntityKey, Outcome]
    errors: Mapping[EntityKey, Exception]
    requests: list[RunRequest]
    requested: frozenset[EntityKey]
    backfills: list[AskedBackfill] = field(default_factory=list)


class SelectiveEvaluator(AutomationConditionEvaluator):
    """Evaluates `entity_keys`, and whoever among `eligible` looks at what these request."""

    def __init__(
        self,
        *,
        known: KnownCursors,
        eligible: frozenset[EntityKey],
        watches: Watches,
        limit: Callable[[], AbstractContextManager[Any]],
        **given: Any,
    ) -> None:
        super().__init__(**given)
        self._known, self._eligible, self._watches, self._limit = known, eligible, watches, limit
        self.errors: dict[EntityKey, Exception] = {}

    async def _async_evaluate(self) -> tuple[list[AutomationResult[Any]], list[EntitySubset[Any]]]:
        for level in self.asset_graph.toposorted_entity_keys_by_level:
            keys = [key for key in level if key in self.entity_keys]
            if keys:
                self._read(keys)
                for key in keys:
                    await self._evaluate_alone(key)
        requested = [subset for subset in self.request_subsets_by_key.values() if not subset.is_empty]
        return list(self.current_results_by_key.values()), requested

    def _read(self, keys: list[EntityKey]) -> None:
        """Records and cursors of all that the conditions of these look at, in a few questions."""
        watched = {one for key in keys for one in self._watches.of(key).entities}
        self._known.read(watched & self._eligible)
        self.instance_queryer.prefetch_asset_records(
            [key for key in watched if isinstance(key, AssetKey) and self.asset_graph.has(key)]
        )

    async def _evaluate_alone(self, key: EntityKey) -> None:
        try:
            with self._limit():
                await self.evaluate_entity(key)
        except Exception as error:  # noqa: BLE001 - a condition may fail of anything; the others go on
            log.info("the condition of %s failed: %s", key.to_user_string(), error)
            self.errors[key] = error

    def _add_request_subset(self, subset: EntitySubset[Any]) -> None:
        super()._add_request_subset(subset)
        if not subset.is_empty:
            self.entity_keys |= self._watches.followers.get(subset.key, frozenset()) & self._eligible


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of the entities of one sensor: over which graph, as of when, with which cursors."""

    instance: DagsterInstance
    graph: BaseAssetGraph[Any]
    watches: Watches
    eligible: frozenset[EntityKey]
    number: int
    now: datetime.datetime
    cursors: LoadCursors
    run_tags: Mapping[str, str] = field(default_factory=dict)
    # Where more than one partition of an asset is requested, they and what hangs on them become one backfill.
    emit_backfills: bool = False
    # What one backfill may make.
    targets_max: int = TARGETS_MAX
    # What is in progress by backfills, for conditions that ask.
    backfilling: Callable[[], AssetGraphSubset] = AssetGraphSubset.create_empty_subset
    # Around each condition: how long it may take.
    limit: Callable[[], AbstractContextManager[Any]] = nullcontext

    def of(self, dirty: Iterable[EntityKey]) -> Evaluated:
        """Evaluate the conditions of these, and whoever follows from what they request."""
        cursors = KnownCursors.of(self.number, self.cursors)
        evaluator = SelectiveEvaluator(
            known=cursors,
            eligible=self.eligible,
            watches=self.watches,
            limit=self.limit,
            entity_keys=set(dirty) & self.eligible,
            instance=self.instance,
            asset_graph=self.graph,
            cursor=cursors,
            emit_backfills=self.emit_backfills,
            evaluation_time=self.now,
            evaluation_id=self.number,
            logger=log,
        )
        queryer = evaluator.instance_queryer
        # Dagster would read and unpack every active backfill.
        setattr(queryer, _BACKFILLING, self.backfilling)
        results, subsets = evaluator.evaluate()
        with partition_loading_context(effective_dt=self.now, dynamic_partitions_store=queryer):
            requests = build_run_requests(subsets, self.graph, self.run_tags, emit_backfills=self.emit_backfills)
            wanted = [request for request in requests if request.requires_backfill_daemon()]
            refused = {key: why for one in wanted for key, why in too_large(self.graph, one, self.targets_max).items()}
            backfills = [] if refused else [asked_backfill(self.graph, self.number, request) for request in wanted]
            # As if these had failed: their cursors stay.
            outcomes = {result.key: _outcome(result, cursors) for result in results if result.key not in refused}
        return Evaluated(
            outcomes,
            {**evaluator.errors, **{key: why for key, why in refused.items() if key in evaluator.entity_keys}},
            [request for request in requests if not request.requires_backfill_daemon()],
            frozenset(subset.key for subset in subsets) - refused.keys(),
            backfills,
        )


def _outcome(result: AutomationResult[Any], cursors: KnownCursors) -> Outcome:
    previous = cursors.get_previous_condition_cursor(result.key)
    true = result.true_subset
    return Outcome(
        cursor=serialize_value(result.get_new_cursor()),
        evaluation=result.serializable_evaluation,
        is_news=previous is None or previous.result_value_hash != result.value_hash,
        evaluated_before=previous.temporal_context.effective_dt if previous else None,
        requested=true.size,
        partitions=sorted(map(str, true.expensively_compute_partition_keys())) if true.is_partitioned else None,
    )
