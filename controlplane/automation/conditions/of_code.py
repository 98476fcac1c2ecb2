"""Backfills that conditions request which are evaluated in the user's code, by ticks: from asset keys and partitions as these name them."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from controlplane.automation.backfills.targets import NO_PARTITION, TARGETS_MAX
from controlplane.automation.conditions.backfilling import AskedBackfill
from controlplane.catalog import current_partitions
from controlplane.catalog.partition_keys import OpaquePartitions
from controlplane.deployments import selectors as deployments
from controlplane.deployments.current_definitions import DeploymentDefinitions
from tenants.errors import InvalidError

# By asset; None of an asset without partitions.
Wanted = Mapping[str, Sequence[str] | None]


def asked_backfill(org_id: UUID, deployment_id: UUID, wanted: Wanted, tags: Mapping[str, str]) -> AskedBackfill:
    """With the place of each partition, upstreams first. InvalidError for an asset that nobody defines, for partitions where there are
    none, and for more than one backfill makes.
    """
    count = sum(1 if keys is None else len(keys) for keys in wanted.values())
    if count > TARGETS_MAX:
        raise InvalidError(
            f"{count:,} partitions are requested at once, and one backfill makes at most {TARGETS_MAX:,}: nothing of it was requested. Let the "
            "condition ask for fewer at a time, as with in_latest_time_window()."
        )
    definitions = deployments.definitions(org_id, deployment_id)
    unknown = sorted(set(wanted) - definitions.graph.nodes.keys())
    if unknown:
        raise InvalidError(f"No code location defines {', '.join(unknown[:5])}, of which partitions are requested.")
    ordered = [key for key in definitions.graph.order if key in wanted]
    return AskedBackfill({key: _placed(org_id, deployment_id, definitions, key, wanted[key]) for key in ordered}, tags)


def _placed(
    org_id: UUID, deployment_id: UUID, definitions: DeploymentDefinitions, key: str, wanted: Sequence[str] | None
) -> list[tuple[int, str]]:
    node = definitions.graph.nodes[key]
    if (node.asset.partitions is None) != (wanted is None):
        has = "has no partitions" if node.asset.partitions is None else "has partitions"
        raise InvalidError(f"{key} {has} now, other than in the code that was evaluated.")
    if wanted is None or node.asset.partitions is None:
        return [(0, NO_PARTITION)]
    manifest = definitions.location(node.location).manifest
    partitions = current_partitions.partitions(org_id, deployment_id, manifest, node.asset.partitions)
    if isinstance(partitions, OpaquePartitions):
        return list(enumerate(wanted))
    # A dynamic partition that is asked for may be taken away meanwhile.
    placed = ((partitions.position(name), name) for name in wanted)
    return sorted((place, name) for place, name in placed if place is not None)
