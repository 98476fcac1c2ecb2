"""What somebody asks to be wiped, within their rights: all of an asset, partitions by name, or a range in the order of its definition."""

from collections.abc import Sequence
from uuid import UUID

from controlplane.catalog import current_partitions
from controlplane.catalog import selectors as catalog
from controlplane.deployments.visibility import Visible
from controlplane.external.models import AssetWipe
from controlplane.external.reports.values import asset_key
from controlplane.external.wipes.services import wipe_asset
from tenants.access import Actor
from tenants.errors import InvalidError, NotFoundError
from tenants.permissions import Permission
from tenants.scoping import read_scope


def wipe_as(
    visible: Visible,
    *,
    asset: str,
    partitions: Sequence[str] | None,
    partition_range: tuple[str, str] | None,
    actor: Actor,
) -> AssetWipe:
    """Begin a wipe. NotFoundError for an asset that there is not, ForbiddenError without the right on it, InvalidError for a range that
    its partitions do not have.
    """
    key = asset_key(asset)
    catalog.asset(visible, key)
    visible.require(Permission.ASSET_WIPE, assets=[key])
    if partitions is not None and partition_range is not None:
        raise InvalidError("Give partitions, or a range, not both.", attr="partition_range")
    wanted = partitions if partition_range is None else _range(visible, key, *partition_range)
    return wipe_asset(
        org_id=visible.org_id, deployment_id=visible.deployment_id, asset_key=key, partitions=wanted, actor=actor
    )


def wipe(visible: Visible, wipe_id: UUID) -> AssetWipe:
    """One wipe; NotFoundError when there is none, or its asset is hidden."""
    with read_scope(visible.org_id):
        rows = AssetWipe.objects.for_org(visible.org_id).filter(deployment_id=visible.deployment_id, id=wipe_id)
        found = rows.defer("partitions").first()
    if found is None or not visible.part(Permission.ASSET_READ).has_asset(found.asset_key):
        raise NotFoundError("There is no such wipe in this deployment.")
    return found


def wipes_of(visible: Visible, key: str, *, most: int = 5) -> list[AssetWipe]:
    """The newest wipes of an asset; NotFoundError as for the asset."""
    catalog.asset(visible, key)
    with read_scope(visible.org_id):
        rows = AssetWipe.objects.for_org(visible.org_id).filter(deployment_id=visible.deployment_id, asset_key=key)
        return list(rows.defer("partitions").order_by("-id")[:most])


def _range(visible: Visible, key: str, start: str, end: str) -> Sequence[str]:
    node = visible.definitions(Permission.ASSET_READ).graph.nodes.get(key)
    if node is None or node.asset.partitions is None:
        raise InvalidError(f"{key} has no partitions: leave the range out.", attr="partition_range")
    manifest = visible.definitions(Permission.ASSET_READ).location(node.location).manifest
    keys = current_partitions.partitions(visible.org_id, visible.deployment_id, manifest, node.asset.partitions)
    try:
        return keys.between(start, end)
    except ValueError as error:
        raise InvalidError(str(error), attr="partition_range") from error
