"""The latest materialization of some assets with its metadata, and what their checks said last: for putting two deployments side by side."""

import datetime
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from controlplane.catalog.models import AssetState, CheckState, PartitionState
from controlplane.deployments.visibility import Visible
from tenants.permissions import Permission
from tenants.scoping import org_scope


@dataclass(frozen=True)
class LatestResult:
    """What an asset was last made with. `metadata` holds metadata values as events do; `checks` names what each check said last."""

    at: datetime.datetime | None = None
    run_id: UUID | None = None
    partition: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    # By name: passed, warn or failed.
    checks: Mapping[str, str] = field(default_factory=dict)


def latest_results(visible: Visible, keys: Collection[str]) -> dict[str, LatestResult]:
    """By asset key; what was never materialized nor checked, and what the caller may not see, is absent."""
    part = visible.part(Permission.ASSET_READ)
    wanted = [key for key in keys if part.has_asset(key)]
    here = {"deployment_id": visible.deployment_id, "asset_key__in": wanted}
    with org_scope(visible.org_id):
        states = AssetState.objects.for_org(visible.org_id).filter(**here, materialization_id__isnull=False)
        made = {row.asset_key: row for row in states.defer("materialization_serdes", "observation_serdes")}
        checks: dict[str, dict[str, str]] = {}
        for row in CheckState.objects.for_org(visible.org_id).filter(**here).order_by("check_name").defer("serdes"):
            checks.setdefault(row.asset_key, {})[row.check_name] = _said(row)
    found = {}
    for key in made.keys() | checks.keys():
        state = made.get(key)
        found[key] = _result(state, checks.get(key, {})) if state else LatestResult(checks=checks[key])
    return found


def partition_results(visible: Visible, partitions: Mapping[str, str]) -> dict[str, LatestResult]:
    """The latest materialization of one partition each, by asset key; absent where there is none. Checks are not told apart."""
    part = visible.part(Permission.ASSET_READ)
    wanted = {key: name for key, name in partitions.items() if part.has_asset(key)}
    with org_scope(visible.org_id):
        rows = PartitionState.objects.for_org(visible.org_id).filter(
            deployment_id=visible.deployment_id,
            asset_key__in=list(wanted),
            partition_key__in=list(set(wanted.values())),
            materialization_id__isnull=False,
        )
        found = [row for row in rows.defer("materialization_serdes") if wanted[row.asset_key] == row.partition_key]
    return {
        row.asset_key: LatestResult(
            at=row.materialized_at,
            run_id=row.materialization_run_id,
            partition=row.partition_key,
            metadata=row.materialization_metadata,
        )
        for row in found
    }


def _result(state: AssetState, checks: Mapping[str, str]) -> LatestResult:
    return LatestResult(
        at=state.materialized_at,
        run_id=state.materialization_run_id,
        partition=state.materialization_partition,
        metadata=state.materialization_metadata,
        checks=checks,
    )


def _said(row: CheckState) -> str:
    if row.passed:
        return "passed"
    return "warn" if row.severity == "WARN" else "failed"
