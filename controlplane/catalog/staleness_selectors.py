"""Which assets are out of sync."""

from collections.abc import Iterable, Mapping

from controlplane.catalog.models import AssetState
from controlplane.catalog.selectors import asset_definitions
from controlplane.catalog.staleness import Staleness, staleness
from controlplane.deployments.visibility import Visible
from tenants.permissions import Permission
from tenants.scoping import read_scope


def staleness_of(visible: Visible, keys: Iterable[str]) -> dict[str, Staleness]:
    """By key, where it can be told. Causes by inputs that the caller may not see are left out."""
    nodes, wanted = asset_definitions(visible).graph.nodes, list(keys)
    # SECURITY: judged by the whole definitions, or a hidden input would look like a removed one; told only what is seen.
    whole = visible.whole.graph.nodes
    upstream = {up for key in wanted if key in whole for up in whole[key].upstream}
    with read_scope(visible.org_id):
        rows = AssetState.objects.for_org(visible.org_id).filter(
            deployment_id=visible.deployment_id, asset_key__in=[*wanted, *upstream]
        )
        heavy = ("materialization_metadata", "materialization_serdes", "observation_serdes")
        states = {row.asset_key: row for row in rows.defer(*heavy)}
    found = {key: staleness(key, whole, states) for key in wanted if key in nodes}
    return {key: _shown(visible, one) for key, one in _known(found)}


def _known(found: Mapping[str, Staleness | None]) -> list[tuple[str, Staleness]]:
    return [(key, one) for key, one in found.items() if one is not None]


def _shown(visible: Visible, found: Staleness) -> Staleness:
    part = visible.part(Permission.ASSET_READ)
    causes = tuple(cause for cause in found.causes if cause.upstream is None or part.has_asset(cause.upstream))
    return Staleness(found.status if causes or not found.causes else type(found.status).FRESH, causes)
