"""The health of assets, for lists and for one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from django.db.models import Count

from controlplane.catalog.asset_filter import AssetFilter
from controlplane.catalog.asset_health import AssetFreshness, Facts, Health, health
from controlplane.catalog.freshness import Freshness
from controlplane.catalog.freshness_selectors import freshness_of
from controlplane.catalog.models import HealthAcknowledgement, PartitionState
from controlplane.catalog.selectors import AssetView, assets
from controlplane.catalog.staleness_selectors import with_staleness
from controlplane.deployments.visibility import Visible
from tenants.scoping import read_scope

_NONE = AssetFreshness(Freshness.NOT_APPLICABLE)
V = TypeVar("V", bound=AssetView)


def healthy_assets(visible: Visible, wanted: AssetFilter | None = None) -> list[AssetView]:
    """The assets that a filter lets through, with their health."""
    found = with_health(visible, assets(visible, wanted))
    asked = wanted.health if wanted else ""
    found = [view for view in found if not asked or (view.health is not None and view.health.status == asked)]
    sync = wanted.sync if wanted else ""
    if not sync:
        return found
    judged = with_staleness(visible, found)
    return [view for view in judged if view.staleness is not None and view.staleness.status == sync]


def with_health(visible: Visible, views: Sequence[V]) -> list[V]:
    """The same assets, each with its health now."""
    one = views[0].key if len(views) == 1 else None
    failed, acknowledged = _failed_partitions(visible, one), _acknowledgements(visible, one)
    states = {view.key: view.state for view in views if view.state is not None}
    freshness = freshness_of(visible, [view.node for view in views], states)
    found = []
    for view in views:
        facts = Facts(
            asset=view.node.asset if view.node else None,
            state=view.state,
            checks=view.checks,
            freshness=freshness.get(view.key, _NONE),
            failed_partitions=failed.get(view.key, 0),
        )
        found.append(replace(view, health=_known(health(facts), acknowledged.get(view.key))))
    return found


def _known(found: Health, acknowledged: HealthAcknowledgement | None) -> Health:
    holds = acknowledged is not None and found.is_unwell and acknowledged.mark == found.mark
    return replace(found, acknowledged=acknowledged) if holds else found


def _failed_partitions(visible: Visible, key: str | None) -> dict[str, int]:
    with read_scope(visible.org_id):
        rows = PartitionState.objects.for_org(visible.org_id).filter(
            deployment_id=visible.deployment_id, failed_run_id__isnull=False
        )
        rows = rows if key is None else rows.filter(asset_key=key)
        # Of rows, not of a column of theirs: so the index alone answers.
        return dict(rows.values_list("asset_key").annotate(number=Count("*")))


def _acknowledgements(visible: Visible, key: str | None) -> dict[str, HealthAcknowledgement]:
    with read_scope(visible.org_id):
        rows = HealthAcknowledgement.objects.for_org(visible.org_id).filter(deployment_id=visible.deployment_id)
        return {row.asset_key: row for row in (rows if key is None else rows.filter(asset_key=key))}
