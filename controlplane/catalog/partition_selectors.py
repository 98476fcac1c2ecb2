"""Reading partitions: the keys that the definition has now, beside what happened to each."""

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from controlplane.catalog import current_partitions
from controlplane.catalog.asset_status import AssetStatus, status_of
from controlplane.catalog.models import PartitionState
from controlplane.catalog.partition_keys import OpaquePartitions
from controlplane.catalog.selectors import asset, asset_definitions
from controlplane.definitions.graph import AssetNode
from controlplane.deployments.current_definitions import DeploymentDefinitions
from controlplane.deployments.visibility import Visible
from tenants.scoping import org_scope

# Hourly partitions of eleven years; beyond that nobody looks at a list.
MAX_KEYS = 100_000


@dataclass(frozen=True)
class PartitionView:
    """One partition as it stands."""

    key: str
    state: PartitionState | None

    @property
    def status(self) -> AssetStatus:
        return status_of(self.state)


@dataclass(frozen=True)
class Partitions:
    """All partitions of an asset in order. Not `complete`: dagster is needed to tell the keys, so only those with a state are here."""

    views: list[PartitionView]
    complete: bool

    @property
    def counts(self) -> dict[AssetStatus, int]:
        found = Counter(view.status for view in self.views)
        return {status: found[status] for status in AssetStatus}


def partitions(visible: Visible, key: str) -> Partitions:
    """The partitions of an asset; those that left the definition but have a state come last. NotFoundError as for the asset."""
    node = asset(visible, key).node
    org_id, deployment_id = visible.org_id, visible.deployment_id
    with org_scope(org_id):
        rows = PartitionState.objects.for_org(org_id).filter(deployment_id=deployment_id, asset_key=key)
        heavy = ("materialization_metadata", "materialization_tags", "materialization_serdes")
        states = {row.partition_key: row for row in rows.defer(*heavy)}
    keys = keys_of_asset(org_id, deployment_id, asset_definitions(visible), node) if node else None
    ordered = dict.fromkeys([*(keys or []), *sorted(states)])
    return Partitions([PartitionView(key=k, state=states.get(k)) for k in ordered], complete=keys is not None)


def keys_of_asset(
    org_id: UUID, deployment_id: UUID, definitions: DeploymentDefinitions, node: AssetNode
) -> list[str] | None:
    """The partition keys of an asset now; None when it has no partitions or only the user's code knows them."""
    if node.asset.partitions is None:
        return None
    return keys_of_definition(org_id, deployment_id, definitions, node.location, node.asset.partitions)


def keys_of_definition(
    org_id: UUID, deployment_id: UUID, definitions: DeploymentDefinitions, location: str, partitions_id: str
) -> list[str] | None:
    """The keys of one partitions definition of a location now, in its order; None when only the user's code knows them."""
    manifest = definitions.location(location).manifest
    found = current_partitions.partitions(org_id, deployment_id, manifest, partitions_id)
    return None if isinstance(found, OpaquePartitions) else list(found.page(limit=MAX_KEYS))
