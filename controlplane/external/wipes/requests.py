"""What somebody asks to be wiped, within their rights: all of an asset, partitions by name, or a range in the order of its definition."""

from collections.abc import Sequence
from uuid import UUID

from controlplane.catalog import selectors as catalog
from controlplane.catalog import wiping
from controlplane.catalog.partition_keys import OpaquePartitions, Partitions
from controlplane.catalog.partition_selectors import keys_of_asset
from controlplane.deployments.visibility import Visible
from controlplane.external.models import AssetWipe
from controlplane.external.reports.values import asset_key
from controlplane.external.wipes.services import require_few, wipe_asset
from controlplane.runs import event_bounds
from tenants.access import Actor
from tenants.errors import InvalidError, NotFoundError
from tenants.permissions import Permission
from tenants.scoping import read_scope

# Names that are asked about in one statement.
_BITE = 5_000


def wipe_as(
    visible: Visible,
    *,
    asset: str,
    partitions: Sequence[str] | None,
    partition_range: tuple[str, str] | None,
    actor: Actor,
) -> AssetWipe:
    """Begin a wipe. NotFoundError for an asset that there is not, ForbiddenError without the right on it, InvalidError for a range that
    its partitions do not have, and for a partition that is not defined and that nothing is known of.
    """
    key = asset_key(asset)
    catalog.asset(visible, key)
    visible.require(Permission.ASSET_WIPE, assets=[key])
    if partitions is not None and partition_range is not None:
        raise InvalidError("Give partitions, or a range, not both.", attr="partition_range")
    if partitions is not None:
        _require_known(visible, key, partitions)
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
    keys = _defined(visible, key)
    if keys is None:
        raise InvalidError(f"{key} has no partitions: leave the range out.", attr="partition_range")
    try:
        found = keys.between(start, end)
    except ValueError as error:
        raise InvalidError(str(error), attr="partition_range") from error
    if not found:
        raise InvalidError(
            f"There is nothing between {start} and {end}: the first comes after the last.", attr="partition_range"
        )
    return found


def _defined(visible: Visible, key: str) -> Partitions | None:
    """The partitions that the asset has now; None for one without any, or that no code location defines."""
    definitions = visible.definitions(Permission.ASSET_READ)
    node = definitions.graph.nodes.get(key)
    return keys_of_asset(visible.org_id, visible.deployment_id, definitions, node) if node is not None else None


def _require_known(visible: Visible, key: str, partitions: Sequence[str]) -> None:
    """What is neither defined nor has ever been heard of is most likely mistyped: a wipe of it would do nothing and say done."""
    partitions = list(dict.fromkeys(partitions))
    require_few(partitions)
    keys = _defined(visible, key)
    # Only its code knows them: what it has never made is not there to be wiped.
    undefined = [
        name for name in partitions if keys is None or isinstance(keys, OpaquePartitions) or not keys.has(name)
    ]
    for at in range(0, len(undefined), _BITE):
        stored = {event_bounds.key(name): name for name in undefined[at : at + _BITE]}
        with read_scope(visible.org_id):
            known = wiping.have_anything(visible.org_id, visible.deployment_id, key, list(stored))
        unknown = [name for name_stored, name in stored.items() if name_stored not in known]
        # The first is enough to refuse all.
        if unknown:
            raise InvalidError(_refusal(key, keys, unknown), attr="partitions")


def _refusal(key: str, keys: Partitions | None, unknown: Sequence[str]) -> str:
    others = f" {len(unknown) - 1:,} more of these are not there either." if len(unknown) > 1 else ""
    if keys is None:
        return f"{key} has no partition {unknown[0]}: nothing is known of it.{others} Nothing was wiped."
    return f"{keys.refusal(unknown[0])} Nothing is known of it.{others} Nothing was wiped."
