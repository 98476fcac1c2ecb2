"""Reading partitions: how many are in which state, stretches of neighbours with one status, pages of some with their runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from controlplane.catalog import current_partitions, partition_codes
from controlplane.catalog.asset_status import AssetStatus, status_of
from controlplane.catalog.models import PartitionState
from controlplane.catalog.partition_board import Board, board
from controlplane.catalog.partition_keys import OpaquePartitions, Partitions
from controlplane.catalog.queued_plans import queued_plans
from controlplane.catalog.selectors import asset, asset_definitions
from controlplane.catalog.staleness import Staleness
from controlplane.catalog.staleness_selectors import staleness_of_partitions
from controlplane.definitions.graph import AssetNode
from controlplane.deployments.current_definitions import DeploymentDefinitions
from controlplane.deployments.visibility import Visible
from tenants.scoping import org_scope

_HEAVY = ("materialization_metadata", "materialization_tags", "materialization_serdes")


@dataclass(frozen=True)
class PartitionView:
    """One partition as it stands."""

    key: str
    state: PartitionState | None
    status: AssetStatus
    staleness: Staleness | None = None


@dataclass(frozen=True)
class PartitionRange:
    """Neighbours in the definition's order that have one status."""

    first: str
    last: str
    status: AssetStatus
    count: int


def partition_board(visible: Visible, key: str) -> Board:
    """Every partition of an asset with its status; those that left the definition but have a state come last. NotFoundError as for the
    asset.
    """
    node = asset(visible, key).node
    keys = keys_of_asset(visible.org_id, visible.deployment_id, asset_definitions(visible), node) if node else None
    return board(visible.org_id, visible.deployment_id, key, keys or OpaquePartitions())


def keys_of_asset(
    org_id: UUID, deployment_id: UUID, definitions: DeploymentDefinitions, node: AssetNode
) -> Partitions | None:
    """The partitions that the definition of an asset has now; None when it has no partitions."""
    if node.asset.partitions is None:
        return None
    manifest = definitions.location(node.location).manifest
    return current_partitions.partitions(org_id, deployment_id, manifest, node.asset.partitions)


def partition_views(visible: Visible, key: str, partitions: Sequence[str]) -> list[PartitionView]:
    """These partitions, each with what happened to it last. The asset was found before."""
    with org_scope(visible.org_id):
        rows = PartitionState.objects.for_org(visible.org_id).filter(
            deployment_id=visible.deployment_id, asset_key=key, partition_key__in=list(partitions)
        )
        states = {row.partition_key: row for row in rows.defer(*_HEAVY)}
        queued = queued_plans(visible.org_id, states.values())
    stale = staleness_of_partitions(visible, key, partitions)
    return [
        PartitionView(one, states.get(one), status_of(states.get(one), queued), staleness=stale.get(one))
        for one in partitions
    ]


def failed_runs(visible: Visible, key: str, partitions: Sequence[str]) -> dict[str, UUID]:
    """In which run these partitions failed, those that did. The asset was found before."""
    with org_scope(visible.org_id):
        rows = PartitionState.objects.for_org(visible.org_id).filter(
            deployment_id=visible.deployment_id, asset_key=key, partition_key__in=list(partitions)
        )
        found = rows.filter(failed_run_id__isnull=False).values_list("partition_key", "failed_run_id")
        return {name: run_id for name, run_id in found if run_id is not None}


def some_partitions(
    found: Board, offset: int, limit: int, *, status: AssetStatus | None = None, newest_first: bool = False
) -> list[str]:
    """Keys from the `offset`th of all partitions, or of those with a status."""
    if status is None and not newest_first:
        return found.page(offset, limit)
    where = partition_codes.positions(found.codes, *([status] if status else []))
    chosen = where[len(where) - 1 - offset :: -1][:limit] if newest_first and offset < len(where) else ()
    return [found.key(position) for position in (chosen if newest_first else where[offset : offset + limit])]


def partition_ranges(found: Board, offset: int, limit: int, status: AssetStatus | None = None) -> list[PartitionRange]:
    """Stretches of neighbours with one status, from the `offset`th on."""
    return [
        PartitionRange(found.key(one.first), found.key(one.last), one.status, one.last - one.first + 1)
        for one in partition_codes.some_stretches(found.codes, status, offset, limit)
    ]
