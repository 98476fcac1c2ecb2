"""How fresh the assets of a deployment are, judged in this moment, and how that changed."""

import datetime
import functools
from collections.abc import Iterable, Mapping
from uuid import UUID

import msgspec
from django.db.models import QuerySet
from django.utils import timezone

from controlplane.catalog.asset_health import AssetFreshness, is_made_elsewhere
from controlplane.catalog.freshness import Policy, judge, policy_of
from controlplane.catalog.models import AssetState, FreshnessChange, FreshnessState
from controlplane.core import recordsets
from controlplane.definitions.graph import AssetNode
from controlplane.definitions.manifest import Asset
from controlplane.deployments.settings_document import FRESHNESS_PATH
from controlplane.deployments.visibility import Visible
from tenants.permissions import Permission
from tenants.scoping import read_scope

# What the full deployment sets holds in its branch deployments too.
IS_ENABLED = f"coalesce((coalesce(p.settings, d.settings) #>> '{{{','.join(FRESHNESS_PATH)}}}')::boolean, true)"
_ENABLED = f"""
    SELECT {IS_ENABLED} FROM deployment d LEFT JOIN deployment p ON p.org_id = d.org_id AND p.id = d.parent_id
    WHERE d.org_id = %s AND d.id = %s
"""
_encode = msgspec.json.Encoder(order="deterministic").encode


def is_enabled(org_id: UUID, deployment_id: UUID) -> bool:
    """Whether the deployment's settings have freshness judged (`freshness.enabled`). Call it inside org_scope."""
    rows = recordsets.fetch(_ENABLED, [org_id, deployment_id])
    return bool(rows and rows[0][0])


def policy_of_asset(asset: Asset) -> Policy | None:
    """The freshness policy of an asset that we can judge."""
    return _policy(_encode(asset.freshness)) if asset.freshness else None


@functools.lru_cache(maxsize=4096)
def _policy(encoded: bytes) -> Policy | None:
    return policy_of(msgspec.json.decode(encoded))


def event_of(asset: Asset, state: AssetState | None) -> float | None:
    """The moment by which an asset is judged: its latest materialization; for what is made elsewhere, the latest observation too."""
    if state is None:
        return None
    moments = [state.materialized_at, state.observed_at if is_made_elsewhere(asset) else None]
    return max((at.timestamp() for at in moments if at is not None), default=None)


def freshness_of(
    visible: Visible, nodes: Iterable[AssetNode | None], states: Mapping[str, AssetState]
) -> dict[str, AssetFreshness]:
    """By key, of those assets that have a policy, now."""
    wanted = [node for node in nodes if node is not None and node.asset.freshness]
    if not wanted:
        return {}
    with read_scope(visible.org_id):
        if not is_enabled(visible.org_id, visible.deployment_id):
            return {}
        known = {row.asset_key: row for row in _states(visible)}
    now = timezone.now()
    return {node.key: _judged(node, states.get(node.key), known.get(node.key), now) for node in wanted}


def _judged(
    node: AssetNode, state: AssetState | None, known: FreshnessState | None, now: datetime.datetime
) -> AssetFreshness:
    policy = policy_of_asset(node.asset)
    judgement = judge(policy, event_of(node.asset, state), now.timestamp())
    return AssetFreshness(
        state=judgement.state,
        policy=str(policy) if policy else "",
        since=known.changed_at if known and known.state == judgement.state else now,
        until=datetime.datetime.fromtimestamp(judgement.until, datetime.UTC) if judgement.until else None,
    )


def freshness_changes(visible: Visible, key: str) -> QuerySet[FreshnessChange]:
    """When an asset became fresh or ceased to be, the newest first; read inside org_scope, of an asset that was found before."""
    rows = FreshnessChange.objects.for_org(visible.org_id)
    seen = visible.part(Permission.ASSET_READ).has_asset(key)
    return rows.filter(deployment_id=visible.deployment_id, asset_key=key if seen else None).order_by("-id")


def _states(visible: Visible) -> QuerySet[FreshnessState]:
    return FreshnessState.objects.for_org(visible.org_id).filter(deployment_id=visible.deployment_id)
