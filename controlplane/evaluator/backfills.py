"""Backfills go on: what came of them is looked at, what can run now is planned by dagster's own planner, and launched bit by bit.

The planner is given what the backfill's own rows say: what is targeted, asked for and made. It needs no history, and nothing that it
decides counts before it is stored with the requests that follow from it.
"""

import datetime
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from dagster import AssetKey, PartitionKeyRange, PartitionsDefinition
from dagster import RunRequest as DagsterRunRequest
from dagster._core.asset_graph_view.asset_graph_view import AssetGraphView
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.assets.graph.remote_asset_graph import RemoteWorkspaceAssetGraph
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.definitions.partitions.subset import PartitionsSubset
from dagster._core.definitions.temporal_context import TemporalContext
from dagster._core.definitions.timestamp import TimestampWithTimezone
from dagster._core.execution.asset_backfill import AssetBackfillData, execute_asset_backfill_iteration_inner
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from controlplane.automation.backfills.control import cancel_runs
from controlplane.automation.backfills.launching import launch_next
from controlplane.automation.backfills.planning import Plan, PlannedRun, plan_of_job, store_plan, tags_of
from controlplane.automation.backfills.progress import due_again, look
from controlplane.automation.backfills.targets import NO_PARTITION
from controlplane.automation.models import Backfill, BackfillKind, BackfillPartition, BackfillStatus, PartitionProgress
from controlplane.deployments import selectors as deployments
from controlplane.evaluator.entities import asset_key, text_of
from controlplane.evaluator.graph import deployment_graph, serving_snapshots
from controlplane.evaluator.instance import instance_of
from controlplane.evaluator.limits import at_most
from controlplane.evaluator.renewing import renewed
from controlplane.runs.instance_scope import Scope
from controlplane.runs.requests import RunRequest
from tenants.errors import NotFoundError
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

# A backfill with something in progress is looked at this often, one that waits for people or agents more rarely.
BUSY_SECONDS = 1.0
IDLE_SECONDS = 5.0
# After a plan that could not be made; or this many times as long as it took, if that is more.
FAILED_SECONDS = 30.0
FAILED_PATIENCE = 10
# What one plan may take; and how soon another process takes over from one that died.
PLAN_SECONDS = 120.0
LOST_SECONDS = 30.0
# The planner finds failed runs by this; ours are told by rows, and dagster would read the events of each.
_NO_RUNS = "told by rows"
_quiet = logging.getLogger("controlplane.evaluator.planner")
_quiet.setLevel(logging.ERROR)

Partitions = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Standing:
    """A backfill's rows, by asset: what it is to make, what was asked for, what is made."""

    target: dict[str, list[str]]
    requested: dict[str, list[str]]
    materialized: dict[str, list[str]]


def advance(org_id: UUID, backfill_id: UUID) -> None:
    """One look at a backfill and what follows from it. Whatever dies in between, the next look goes on from there."""
    backfill = look(org_id, backfill_id)
    if backfill is None or backfill.ended_at is not None:
        return
    if backfill.status == BackfillStatus.CANCELING:
        cancel_runs(org_id, backfill_id)
        due_again(org_id, backfill_id, BUSY_SECONDS)
        return
    started = time.monotonic()
    if not _planned(backfill):
        due_again(org_id, backfill_id, max(FAILED_SECONDS, FAILED_PATIENCE * (time.monotonic() - started)))
        return
    launched = launch_next(org_id, backfill_id)
    busy = launched or backfill.counts.get(PartitionProgress.REQUESTED) or backfill.needs_plan
    due_again(org_id, backfill_id, BUSY_SECONDS if busy else IDLE_SECONDS)


def _planned(backfill: Backfill) -> bool:
    """Plan it, where that can lead to anything; False when it could not be planned."""
    if not backfill.needs_plan or backfill.is_paused or _all_asked(backfill):
        return True
    # A look may begin late after it was claimed: nobody else shall plan the same from now on.
    due_again(backfill.org_id, backfill.id, LOST_SECONDS)
    try:
        with at_most(PLAN_SECONDS), renewed(lambda: due_again(backfill.org_id, backfill.id, LOST_SECONDS)):
            found = plan_of_job(backfill) if backfill.kind == BackfillKind.JOB else plan_of_assets(backfill)
        store_plan(backfill, found)
    except Exception as error:  # noqa: BLE001 - dagster's planner raises whatever it does; the backfill says so and is planned again
        log.warning(
            "backfill.not_planned", org_id=str(backfill.org_id), backfill_id=str(backfill.id), error=str(error)[:500]
        )
        with org_scope(backfill.org_id):
            rows = Backfill.objects.for_org(backfill.org_id).filter(id=backfill.id)
            rows.update(error={"message": str(error)[:2000], "cls": type(error).__name__})
        return False
    return True


def _all_asked(backfill: Backfill) -> bool:
    """Whether nothing is left to be planned; its row knows it then."""
    if backfill.planned_at is None:
        return False
    with org_scope(backfill.org_id):
        rows = BackfillPartition.objects.for_org(backfill.org_id).filter(backfill_id=backfill.id)
        if rows.filter(state=PartitionProgress.TARGETED, request_id=None).exists():
            return False
        Backfill.objects.for_org(backfill.org_id).filter(id=backfill.id, plan_number=backfill.plan_number).update(
            needs_plan=False
        )
    backfill.needs_plan = False
    return True


def plan_of_assets(backfill: Backfill) -> Plan:
    """What dagster's planner would launch now. Changes nothing."""
    scope = Scope(backfill.org_id, backfill.deployment_id)
    with org_scope(backfill.org_id):
        snapshots = serving_snapshots(backfill.org_id, backfill.deployment_id)
    graph = deployment_graph(backfill.org_id, snapshots)
    with org_scope(backfill.org_id), instance_of(scope) as instance:
        now = datetime.datetime.now(datetime.UTC)
        view = AssetGraphView(
            temporal_context=TemporalContext(effective_dt=now, last_event_id=None),
            instance=instance,
            asset_graph=graph.asset_graph,
        )
        with partition_loading_context(
            effective_dt=now, dynamic_partitions_store=view.get_inner_queryer_for_back_compat()
        ):
            return _Planner(backfill, graph.asset_graph, view).plan()


class _Planner:
    """One plan of one backfill over one graph."""

    def __init__(self, backfill: Backfill, graph: RemoteWorkspaceAssetGraph, view: AssetGraphView) -> None:
        self._backfill, self._graph, self._view = backfill, graph, view
        self._keys: dict[str, dict[str, int]] = {}

    def plan(self) -> Plan:
        standing, found = standing_of(self._backfill), {}
        self._require_known(standing.target)
        if self._backfill.planned_at is None:
            found = self._mapped(standing)
            standing.target.update({asset: [key for _place, key in rows] for asset, rows in found.items()})
        lost = [
            (asset, key) for asset, keys in standing.target.items() for key in keys if key not in self._defined(asset)
        ]
        data = self._data(standing)
        waiting = data.target_subset - data.requested_subset - data.materialized_subset
        if waiting.is_empty:
            return Plan([], found, lost)
        result = execute_asset_backfill_iteration_inner(
            backfill_id=_NO_RUNS,
            asset_backfill_data=data,
            asset_graph_view=self._view,
            backfill_start_timestamp=self._backfill.created_at.timestamp(),
            logger=_quiet,
            run_config=None,
        )
        return Plan([self._run(request) for request in result.run_requests], found, lost)

    def _require_known(self, assets: Iterable[str]) -> None:
        """An asset that serves and cannot be read here is waited for; one that nobody defines any more is lost."""
        unread = [key for key in assets if not self._graph.has(asset_key(key))]
        if unread:
            defined = deployments.definitions(self._backfill.org_id, self._backfill.deployment_id).graph.nodes
            missing = [key for key in unread if key in defined]
            if missing:
                raise NotFoundError(
                    f"The definitions of {missing[0]} cannot be read by the evaluator; see its code location."
                )

    def _definition(self, asset: str) -> PartitionsDefinition | None:
        return self._graph.get(asset_key(asset)).partitions_def

    def _defined(self, asset: str) -> dict[str, int]:
        """The partitions that an asset has now, with their places; none for an asset that is gone."""
        if asset not in self._keys:
            self._keys[asset] = {}
            if self._graph.has(asset_key(asset)):
                definition = self._definition(asset)
                keys = [NO_PARTITION] if definition is None else list(definition.get_partition_keys())
                self._keys[asset] = {key: place for place, key in enumerate(keys)}
        return self._keys[asset]

    def _mapped(self, standing: Standing) -> dict[str, list[tuple[int, str]]]:
        """Partitions that follow from those of the others through partition mappings, as dagster's own backfills target them."""
        mapped = [asset for asset in self._backfill.selection.get("mapped", []) if self._graph.has(asset_key(asset))]
        if not mapped:
            return {}
        inside = {asset_key(asset) for asset in [*standing.target, *mapped] if self._graph.has(asset_key(asset))}
        reached = AssetGraphSubset.create_empty_subset()
        for asset, keys in standing.target.items():
            # From the roots, one after another: dagster's search starts from one asset.
            root = self._graph.has(asset_key(asset)) and not self._graph.get(asset_key(asset)).parent_keys & inside
            subset = self._subset({asset: keys})
            if root and subset.partitions_subsets_by_asset_key:
                reached |= self._graph.bfs_filter_subsets(lambda key, _subset: key in inside, subset)
        found: dict[str, list[tuple[int, str]]] = {}
        for asset in mapped:
            places = self._defined(asset)
            if asset_key(asset) in reached.partitions_subsets_by_asset_key:
                reached_keys = reached.get_partitions_subset(asset_key(asset)).get_partition_keys()
                found[asset] = sorted((places[key], key) for key in reached_keys if key in places)
        return found

    def _data(self, standing: Standing) -> AssetBackfillData:
        return AssetBackfillData(
            target_subset=self._subset(standing.target),
            requested_runs_for_target_roots=self._backfill.planned_at is not None,
            latest_storage_id=None,
            materialized_subset=self._subset(standing.materialized),
            requested_subset=self._subset(standing.requested),
            failed_and_downstream_subset=AssetGraphSubset.create_empty_subset(),
            backfill_start_time=TimestampWithTimezone(self._backfill.created_at.timestamp(), "UTC"),
        )

    def _subset(self, partitions: Partitions) -> AssetGraphSubset:
        subsets: dict[AssetKey, PartitionsSubset] = {}
        whole: set[AssetKey] = set()
        for asset, keys in partitions.items():
            kept = [key for key in keys if key in self._defined(asset)]
            if not kept:
                continue
            definition = self._definition(asset)
            if definition is None:
                whole.add(asset_key(asset))
            else:
                subsets[asset_key(asset)] = definition.subset_with_partition_keys(kept)
        return AssetGraphSubset(subsets, whole)  # type: ignore[call-arg, unused-ignore]  # dagster's decorator hides its fields

    def _run(self, planned: DagsterRunRequest) -> PlannedRun:
        keys = list(planned.asset_selection or [])
        ends = (planned.tags.get(ASSET_PARTITION_RANGE_START_TAG), planned.tags.get(ASSET_PARTITION_RANGE_END_TAG))
        tags = tags_of(self._backfill)
        if ends[0] and ends[1]:
            tags |= {ASSET_PARTITION_RANGE_START_TAG: ends[0], ASSET_PARTITION_RANGE_END_TAG: ends[1]}
            made = [(text_of(key), part) for key in keys for part in self._between(key, ends[0], ends[1])]
        else:
            made = [(text_of(key), planned.partition_key or NO_PARTITION) for key in keys]
        node = self._graph.get(keys[0]).resolve_to_singular_repo_scoped_node()
        request = RunRequest(
            location=node.repository_handle.location_name,
            assets=[text_of(key) for key in keys],
            partition=planned.partition_key,
            run_config=self._backfill.run_config,
            tags=tags,
        )
        return PlannedRun(request, made)

    def _between(self, key: AssetKey, first: str, last: str) -> list[str]:
        subset = self._view.get_entity_subset_in_range(key, PartitionKeyRange(first, last))
        return sorted(subset.expensively_compute_partition_keys())


def standing_of(backfill: Backfill) -> Standing:
    """From its rows. Call it inside org_scope."""
    rows = BackfillPartition.objects.for_org(backfill.org_id).filter(backfill_id=backfill.id)
    standing = Standing({}, {}, {})
    found = rows.order_by("asset_key", "position").values_list("asset_key", "partition_key", "state", "request_id")
    for asset, key, state, request_id in found.iterator(chunk_size=20_000):
        standing.target.setdefault(asset, []).append(key)
        if request_id is not None or state != PartitionProgress.TARGETED:
            standing.requested.setdefault(asset, []).append(key)
        if state == PartitionProgress.MATERIALIZED:
            standing.materialized.setdefault(asset, []).append(key)
    return standing
