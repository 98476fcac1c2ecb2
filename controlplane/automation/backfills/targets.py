"""What a backfill would make, asset by asset, found from the stored definitions and the catalog. Nothing is changed here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from controlplane.automation.backfills.choice import Choice
from controlplane.automation.backfills.placed import Placed, PlacedKeys, places_of
from controlplane.automation.backfills.standing import WANTED, of_asset, of_job
from controlplane.catalog import current_partitions
from controlplane.catalog.asset_status import AssetStatus
from controlplane.catalog.partition_board import Board, board
from controlplane.catalog.partition_codes import positions
from controlplane.catalog.partition_keys import OpaquePartitions, Partitions
from controlplane.definitions import content
from controlplane.definitions.graph import AssetNode
from controlplane.deployments.current_definitions import DeploymentDefinitions, LocationDefinitions
from controlplane.runs.selection import canonical_key
from tenants.errors import InvalidError

# Rows of one backfill. More than this is several backfills.
TARGETS_MAX = 500_000
# Of one asset or job, to be gone through for those that are missing or failed.
_LISTED_MAX = 5_000_000
# Of an asset without partitions, and of the job in a backfill of a job.
NO_PARTITION = ""
JOB = ""


@dataclass(frozen=True)
class Targets:
    """Keys with their place in the definition, by asset. `mapped` follow from the others through partition mappings, when it is planned.

    `added` are computed together with what was asked for; `runs` is about how many runs it takes.
    """

    keys: Mapping[str, Sequence[Placed]]
    mapped: Sequence[str] = ()
    added: Sequence[str] = ()
    runs: int = 0
    warnings: Sequence[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(len(keys) for keys in self.keys.values())


def of_assets(
    org_id: UUID, deployment_id: UUID, definitions: DeploymentDefinitions, keys: Sequence[str], choice: Choice
) -> Targets:
    """What a backfill of these assets makes. InvalidError says which asset or partition is wrong; NotFoundError for an unknown asset."""
    asked, added = with_siblings(definitions, keys)
    lists = {node.key: _Listed(org_id, deployment_id, definitions, node) for node in asked}
    anchor = _anchor(definitions, lists, choice)
    found: dict[str, Sequence[Placed]] = {}
    mapped: list[str] = []
    for key, listed in lists.items():
        if listed.partitions is None or anchor is None or listed.content == anchor.content:
            found[key] = _kept(org_id, deployment_id, listed, choice)
        elif choice.only:
            raise InvalidError(
                f"{key} has other partitions than {anchor.key}: leave the range out, or one of the two assets.",
                attr="partitions",
            )
        else:
            mapped.append(key)
    if sum(map(len, found.values())) > TARGETS_MAX:
        raise InvalidError(
            f"A backfill makes at most {TARGETS_MAX} partitions; choose fewer assets or a range.", attr="partitions"
        )
    warnings = [f"{', '.join(added[:5])} is computed together with what you chose, and comes along."] if added else []
    if mapped:
        warnings.append(
            f"Which partitions of {', '.join(mapped[:5])} follow from the mapping is known once the backfill is planned."
        )
    return Targets({key: rows for key, rows in found.items() if rows}, mapped, added, _runs(lists, found), warnings)


def of_job_partitions(
    org_id: UUID, deployment_id: UUID, found: LocationDefinitions, job_name: str, choice: Choice
) -> Targets:
    """What a backfill of a job makes: one run for each partition. InvalidError for a job without partitions."""
    job = found.jobs[job_name]
    if job.partitions is None:
        raise InvalidError(f"The job {job_name} has no partitions: launch a run of it instead.", attr="job")
    partitions = current_partitions.partitions(org_id, deployment_id, found.manifest, job.partitions)
    chosen = _of_choice(partitions, choice, f"The job {job_name}")
    if choice.only:
        standing = of_job(org_id, deployment_id, found.location.name, job_name)
        chosen = [(place, key) for place, key in chosen if standing.is_wanted(key, choice.only)]
    return Targets({JOB: chosen} if chosen else {}, runs=len(chosen))


def with_siblings(definitions: DeploymentDefinitions, keys: Sequence[str]) -> tuple[list[AssetNode], list[str]]:
    """The assets, upstreams first, with those that can only be computed together with them; and the names of these."""
    wanted = list(dict.fromkeys(canonical_key(key) for key in keys))
    if not wanted:
        raise InvalidError("Say which assets to materialize.", attr="assets")
    nodes = {key: definitions.asset(key) for key in wanted}
    stuck = [
        key
        for key, node in nodes.items()
        if node.asset.execution_type != "materialization" or not node.asset.is_executable
    ]
    if stuck:
        raise InvalidError(f"{', '.join(stuck[:5])} cannot be materialized here: leave it out.", attr="assets")
    sets = {(node.location, node.asset.execution_set) for node in nodes.values() if node.asset.execution_set}
    others = definitions.graph.nodes.values() if sets else ()
    added = sorted(
        node.key for node in others if (node.location, node.asset.execution_set) in sets and node.key not in nodes
    )
    everything = {*wanted, *added}
    return [definitions.graph.nodes[key] for key in definitions.graph.order if key in everything], added


class _Listed:
    """One asset and its partitions; those are None where it has none."""

    def __init__(self, org_id: UUID, deployment_id: UUID, definitions: DeploymentDefinitions, node: AssetNode) -> None:
        self.key, self.node = node.key, node
        manifest = definitions.location(node.location).manifest
        self.content = content.partitions(manifest, node.asset.partitions)
        self.partitions = (
            current_partitions.partitions(org_id, deployment_id, manifest, node.asset.partitions)
            if node.asset.partitions
            else None
        )


def _anchor(definitions: DeploymentDefinitions, lists: Mapping[str, _Listed], choice: Choice) -> _Listed | None:
    """The asset whose partitions the keys and ranges are of; None where each asset's own are meant."""
    partitioned = [listed for listed in lists.values() if listed.partitions is not None]
    if choice.is_all or choice.latest:
        return None
    if not partitioned:
        raise InvalidError("None of these assets has partitions: leave them out.", attr="partitions")
    inside = {listed.key for listed in partitioned}
    roots = [
        listed for listed in partitioned if not (set(definitions.graph.upstream[listed.key]) & inside - {listed.key})
    ] or partitioned
    others = [listed.key for listed in roots if listed.content != roots[0].content]
    if others:
        raise InvalidError(
            f"{roots[0].key} and {others[0]} have different partitions: start a backfill for each, or choose all, missing or failed.",
            attr="partitions",
        )
    return roots[0]


def _chosen(listed: _Listed, choice: Choice) -> Sequence[Placed]:
    if listed.partitions is None:
        return [(0, NO_PARTITION)]
    return _of_choice(listed.partitions, choice, f"The asset {listed.key}")


def _of_choice(partitions: Partitions, choice: Choice, whose: str) -> Sequence[Placed]:
    if isinstance(partitions, OpaquePartitions):
        if not choice.keys or choice.ranges:
            raise InvalidError(
                f"{whose} has partitions that only its code can list: name each partition.", attr="partitions"
            )
        return list(enumerate(choice.keys))
    if choice.latest:
        count = partitions.count()
        return [(count - 1, partitions.page(count - 1, 1)[0])] if count else []
    if choice.is_all:
        _require_at_most(_LISTED_MAX if choice.only else TARGETS_MAX, partitions.count(), whose)
        return PlacedKeys(partitions, range(partitions.count()))
    placed = ((partitions.position(key), key) for key in _named(partitions, choice, whose))
    return sorted((place, key) for place, key in placed if place is not None)


def _require_at_most(most: int, count: int, whose: str) -> None:
    if count > most:
        raise InvalidError(
            f"{whose}: these are {count:,} partitions; at most {most:,} at once. Choose a range.", attr="partitions"
        )


def _named(partitions: Partitions, choice: Choice, whose: str) -> set[str]:
    for key in choice.keys:
        if not partitions.has(key):
            raise InvalidError(partitions.refusal(key), attr="partitions")
    wanted = set(choice.keys)
    for first, last in choice.ranges:
        try:
            between = partitions.between(first, last)
        except ValueError as error:
            raise InvalidError(str(error), attr="partitions") from error
        if not between:
            raise InvalidError(
                f"There is nothing between {first} and {last}: the first comes after the last.", attr="partitions"
            )
        wanted.update(between)
        _require_at_most(TARGETS_MAX, len(wanted), whose)
    return wanted


def _kept(org_id: UUID, deployment_id: UUID, listed: _Listed, choice: Choice) -> Sequence[Placed]:
    """What is chosen, and of it what is as it is wanted."""
    chosen = _chosen(listed, choice)
    if choice.only is None or not chosen:
        return chosen
    wanted = WANTED[choice.only]
    if listed.partitions is None:
        return chosen if of_asset(org_id, deployment_id, listed.key) in wanted else []
    found = board(org_id, deployment_id, listed.key, listed.partitions)
    if isinstance(listed.partitions, OpaquePartitions):
        return [(place, key) for place, key in chosen if _status(found, key) in wanted]
    if choice.is_all:
        return PlacedKeys(listed.partitions, positions(found.codes[: len(chosen)], *wanted))
    return [(place, key) for place, key in chosen if found.status(place) in wanted]


def _status(found: Board, key: str) -> AssetStatus:
    position = found.position(key)
    return AssetStatus.MISSING if position is None else found.status(position)


def _runs(lists: Mapping[str, _Listed], found: Mapping[str, Sequence[Placed]]) -> int:
    """About how many: what has the same partitions and policy, in one location, goes into the same runs."""
    groups: dict[str, list[str]] = {}
    for key, listed in lists.items():
        if found.get(key):
            policy = listed.node.asset.backfill_policy
            groups.setdefault(repr((listed.node.location, listed.content, policy)), []).append(key)
    total = 0
    for keys in groups.values():
        policy = lists[keys[0]].node.asset.backfill_policy
        most = max((found[key] for key in keys), key=len)
        size = policy.get("max_partitions_per_run") if policy else 1
        total += -(-len(most) // size) if size else _stretches(places_of(most))
    return total


def _stretches(places: Sequence[int]) -> int:
    """How many ranges without a gap."""
    return sum(
        1 for before, place in zip([None, *places], places, strict=False) if before is None or place != before + 1
    )
