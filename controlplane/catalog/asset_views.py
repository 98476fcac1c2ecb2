"""One asset with everything beside it, put together for the API."""

from dataclasses import dataclass
from typing import Any

import msgspec

from controlplane.catalog.check_view import CheckView
from controlplane.catalog.health_selectors import with_health
from controlplane.catalog.selectors import AssetView, asset, asset_definitions, shown_tags
from controlplane.catalog.staleness_selectors import not_judged_by, with_staleness
from controlplane.catalog.unjudged_inputs import UnjudgedInput
from controlplane.deployments.visibility import Visible


@dataclass(frozen=True)
class AssetDetail(AssetView):
    """An asset with its neighbours and what its definition refers to."""

    upstream: tuple[str, ...] = ()
    downstream: tuple[str, ...] = ()
    partitions: dict[str, Any] | None = None
    automation_condition: str | None = None
    not_judged_by: tuple[UnjudgedInput, ...] = ()


@dataclass(frozen=True)
class AssetCheckView(CheckView):
    """A check beside the key of its asset."""

    asset_key: str


def asset_detail(visible: Visible, key: str) -> AssetDetail:
    """One asset; NotFoundError when nothing defines it and nothing ever happened to it."""
    [view] = with_staleness(visible, with_health(visible, [asset(visible, key)]))
    definitions = asset_definitions(visible)
    if view.state is not None:
        view.state.materialization_tags = shown_tags(visible, view.state.materialization_tags)
    if view.node is None:
        return AssetDetail(
            key=key, node=None, state=view.state, checks=view.checks, health=view.health, queued=view.queued
        )
    manifest = definitions.location(view.node.location).manifest
    definition = manifest.partitions_definitions.get(view.node.asset.partitions or "")
    condition = manifest.conditions.get(view.node.asset.automation or "")
    return AssetDetail(
        key=key,
        node=view.node,
        state=view.state,
        also_defined_in=view.also_defined_in,
        checks=view.checks,
        health=view.health,
        staleness=view.staleness,
        queued=view.queued,
        upstream=view.node.upstream,
        downstream=definitions.graph.downstream[key],
        partitions=msgspec.to_builtins(definition) if definition else None,
        automation_condition=condition.label if condition else None,
        not_judged_by=not_judged_by(visible, key),
    )
