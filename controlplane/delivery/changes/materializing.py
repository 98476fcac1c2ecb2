"""Materialize what a branch changed: which assets, in which runs, at what cost; and the launch."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from controlplane.catalog import current_partitions
from controlplane.definitions.differences import Change
from controlplane.definitions.graph import AssetNode
from controlplane.deployments.branch_changes import BranchChanges
from controlplane.deployments.visibility import Visible
from controlplane.insights.past_cost import PastCost, past_cost
from controlplane.insights.pricing import default_price_book
from controlplane.runs.launching import launch
from controlplane.runs.models import Run
from controlplane.runs.requests import RunRequest
from tenants.access import Actor
from tenants.errors import InvalidError
from tenants.permissions import Permission
from tenants.scoping import org_scope

# What somebody reads as "what usually ran"; long enough for weekly jobs.
DAYS = 30
# On the runs, so that they can be told from others.
TAG = {"daggerboard/launched_for": "branch_changes"}


@dataclass(frozen=True)
class PlannedRun:
    """One run: assets of one code location, upstreams first, and the partition that they are made for, if they have partitions.

    `after` are the positions of planned runs that make what this one reads; runs do not wait for one another.
    """

    location: str
    assets: tuple[str, ...]
    partition: str | None = None
    partition_count: int = 0
    after: tuple[int, ...] = ()

    @property
    def digest(self) -> str:
        """Names what would run: other assets, another digest."""
        return hashlib.sha256("\0".join((self.location, *self.assets)).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Left:
    """A changed asset that is not materialized, and why not."""

    key: str
    why: str


@dataclass(frozen=True)
class Estimate:
    """What it will cost, from what the base paid for the same assets. Money is in micro-units of `currency`; 0 knows nothing."""

    days: int
    currency: str
    cost_micros: int = 0
    seconds: float = 0.0
    # Runs in the base that it is the mean of, and assets that never ran there in these days.
    runs: int = 0
    unknown: tuple[str, ...] = ()
    by_asset: Mapping[str, PastCost] = field(default_factory=dict)

    @property
    def is_known(self) -> bool:
        return bool(self.by_asset)


@dataclass(frozen=True)
class Plan:
    """What would be launched, what would not, and the cost."""

    runs: tuple[PlannedRun, ...]
    left: tuple[Left, ...]
    estimate: Estimate

    @property
    def assets(self) -> list[str]:
        return [key for run in self.runs for key in run.assets]


def plan(changes: BranchChanges, branch: Visible, base: Visible, *, with_affected: bool = False) -> Plan:
    """Assets whose data may be other than the base's, and, if wanted, those affected by them; partitioned ones for the latest partition."""
    wanted = _wanted(changes, with_affected=with_affected)
    left = [Left(key, why) for key in wanted if (why := _why_not(changes, branch, key))]
    unfit = {one.key for one in left}
    runs, without = _runs(branch, [key for key in wanted if key not in unfit])
    found = _with_order(changes, runs)
    keys = [key for run in found for key in run.assets]
    return Plan(runs=found, left=(*left, *without), estimate=estimate(base, keys))


def estimate(base: Visible, keys: Collection[str]) -> Estimate:
    """The mean cost of a run of each asset in the base, together."""
    past = past_cost(base, keys, days=DAYS)
    return Estimate(
        days=DAYS,
        currency=default_price_book().currency,
        cost_micros=sum(one.per_run_micros for one in past.values()),
        seconds=sum(one.per_run_seconds for one in past.values()),
        runs=sum(one.runs for one in past.values()),
        unknown=tuple(key for key in keys if key not in past),
        by_asset=past,
    )


def materialize(
    branch: Visible, runs: Mapping[int, PlannedRun], partitions: Mapping[int, str], *, actor: Actor
) -> list[Run]:
    """Launch planned runs, all or none; `partitions` names another partition by the number of a run in its plan.

    As `launching.launch` where something may not or cannot run.
    """
    if not runs:
        raise InvalidError("There is nothing to materialize: what changed is external, or only described otherwise.")
    with org_scope(branch.org_id):
        return [_launch(branch, run, partitions.get(number), actor) for number, run in runs.items()]


def _launch(branch: Visible, run: PlannedRun, partition: str | None, actor: Actor) -> Run:
    chosen = None if run.partition is None else partition or run.partition
    request = RunRequest(location=run.location, assets=list(run.assets), partition=chosen, tags=TAG)
    return launch(branch, request, actor=actor)


def _wanted(changes: BranchChanges, *, with_affected: bool) -> list[str]:
    """Keys, upstreams first. What was only described otherwise has the same data."""
    differing = changes.comparison.assets
    keys = {key for key, one in differing.items() if one.moves_data and one.change != Change.REMOVED}
    if with_affected:
        keys |= {one.key for one in changes.comparison.affected}
    return [key for key in changes.after.graph.order if key in keys]


def _why_not(changes: BranchChanges, branch: Visible, key: str) -> str:
    node = changes.after.graph.nodes[key]
    if not node.asset.is_materializable or not node.asset.is_executable:
        return "It is made elsewhere: this code only refers to it."
    if node.location in changes.inherited:
        return f"The code location {node.location} is not deployed in this branch."
    if node.location in changes.not_loaded:
        return f"The code location {node.location} has not loaded in this branch."
    if not branch.permits(Permission.RUN_LAUNCH, assets=[key]):
        return "You may not launch it."
    return ""


def _runs(branch: Visible, keys: Sequence[str]) -> tuple[list[PlannedRun], list[Left]]:
    """One run for each location; more where its assets have several partitions definitions. Then what has no partition to make."""
    nodes = branch.known_definitions.graph.nodes
    runs, left = list[PlannedRun](), list[Left]()
    for location in dict.fromkeys(nodes[key].location for key in keys):
        here = [nodes[key] for key in keys if nodes[key].location == location]
        for definition, group in _by_partitions(here):
            run = _run(branch, location, definition, tuple(node.key for node in group))
            if run is not None:
                runs.append(run)
                continue
            why = "It has no partition that can be named here. Launch it from the launchpad."
            left += [Left(node.key, why) for node in group]
    return runs, left


def _by_partitions(nodes: Sequence[AssetNode]) -> Iterable[tuple[str | None, list[AssetNode]]]:
    """A run has one partition, and what is unpartitioned can run with it."""
    definitions = list(dict.fromkeys(node.asset.partitions for node in nodes))
    partitioned = [name for name in definitions if name is not None]
    if len(partitioned) <= 1:
        yield (partitioned[0] if partitioned else None), list(nodes)
        return
    for name in definitions:
        yield name, [node for node in nodes if node.asset.partitions == name]


def _run(branch: Visible, location: str, definition: str | None, assets: tuple[str, ...]) -> PlannedRun | None:
    """None when the partitions are not known: there are none yet, or only the user's own code can tell them."""
    if definition is None:
        return PlannedRun(location, assets)
    manifest = branch.known_definitions.location(location).manifest
    keys = current_partitions.partitions(branch.org_id, branch.deployment_id, manifest, definition)
    count = keys.count()
    latest = keys.page(count - 1, 1) if count else []
    return PlannedRun(location, assets, partition=latest[0], partition_count=count) if latest else None


def _with_order(changes: BranchChanges, runs: Sequence[PlannedRun]) -> tuple[PlannedRun, ...]:
    graph = changes.after.graph
    position = {key: number for number, key in enumerate(graph.order)}
    ordered = sorted(runs, key=lambda run: position[run.assets[0]])
    maker = {key: number for number, run in enumerate(ordered) for key in run.assets}
    found = []
    for number, run in enumerate(ordered):
        above = {maker[key] for key in graph.ancestors(run.assets) if key in maker} - {number}
        found.append(
            PlannedRun(run.location, run.assets, run.partition, run.partition_count, after=tuple(sorted(above)))
        )
    return tuple(found)
