"""An organization with branch deployments in every state: one that changes things of every kind, and the list of all."""

import datetime
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from msgspec.structs import replace

from controlplane.definitions.asset_keys import to_text
from controlplane.definitions.manifest import Asset, Check, Dependency, Job, Manifest, Schedule
from controlplane.deployments.models import BranchDeployment, BranchState, Deployment
from tenants.scoping import org_scope
from tests.cast import Cast, make_cast
from tests.delivery.changed_branches import Changed, make_branch, make_changed
from tests.factories import asset
from tests.ui.world import shop_manifest

_TITLES = (
    "Count returns in revenue",
    "Move the churn model to the new warehouse, and give every table that it reads an owner who answers for it",
    "Partition orders by hour",
    "<script>alert('x')</script>",
    "Bump dagster",
)
_STATES = (BranchState.ACTIVE, BranchState.SLEEPING, BranchState.HELD, BranchState.CLOSING, BranchState.ARCHIVED)


@dataclass(frozen=True)
class Branches:
    """The cast, the branch that changes things, and the others."""

    cast: Cast
    changed: Changed
    others: list[BranchDeployment]


def changed_shop() -> Manifest:
    """The shop as a branch has it: something added, changed and removed."""
    before = shop_manifest()
    assets = [changed for one in before.assets if (changed := _changed(one))]
    nightly = next(job for job in before.jobs if job.name == "nightly")
    kept = {to_text(one.key) for one in assets}
    return replace(
        before,
        assets=[*assets, asset("returns", "raw/orders", group="core", kinds=["duckdb"]), _refunds()],
        checks=[Check(asset=["daily_orders"], name="not_empty"), Check(asset=["returns"], name="no_duplicates")],
        jobs=[_trimmed(job, kept) for job in before.jobs] + [replace(nightly, name="hourly", assets=[["returns"]])],
        schedules=[Schedule(name="every_night", cron=["0 3 * * *"], timezone="Europe/Berlin", job="nightly")],
    )


def _refunds() -> Asset:
    return asset("refunds", "returns", group="core", owners=["team:sales"])


def _trimmed(job: Job, kept: set[str]) -> Job:
    assets = [key for key in job.assets if to_text(key) in kept]
    return replace(job, assets=[*assets, ["returns"], ["refunds"]] if job.implicit else assets)


def _changed(one: Asset) -> Asset | None:
    match to_text(one.key):
        case "daily_orders":
            return replace(one, code_version="4", deps=[*one.deps, Dependency(asset=["returns"])])
        case "raw/customers":
            return replace(one, tags={**one.tags, "tier": "1"}, description="One row per customer.")
        case "churn_model":
            return None
        case _:
            return one


def make_branches() -> Branches:
    """Everything made by the services of the product; results and costs on both sides."""
    cast = make_cast("branches")
    changed = make_changed(cast, shop_manifest(), changed_shop())
    _results(changed)
    others = [
        make_branch(cast, number, title=_TITLES[number % 5], head_sha=f"{number:x}" * 8) for number in range(20, 50)
    ]
    with org_scope(cast.org_id):
        rows = BranchDeployment.objects.for_org(cast.org_id)
        week = timezone.now() + datetime.timedelta(days=6)
        rows.filter(deployment_id=changed.branch.deployment_id).update(
            title=_TITLES[0], expires_at=week, git={"author_name": "Ada Lovelace"}
        )
        for number, one in enumerate(others):
            state = _STATES[number % 5]
            active = timezone.now() - datetime.timedelta(hours=3 * number + 1)
            rows.filter(deployment_id=one.deployment_id).update(state=state, active_at=active, expires_at=week)
            awake = state == BranchState.ACTIVE
            Deployment.objects.for_org(cast.org_id).filter(id=one.deployment_id).update(is_awake=awake)
    return Branches(cast, changed, others)


def _results(changed: Changed) -> None:
    def schema(**columns: str) -> dict[str, Any]:
        listed = [{"name": name, "type": type_} for name, type_ in columns.items()]
        return {"dagster/column_schema": {"type": "table_schema", "value": {"columns": listed}}}

    for rows in (48_211, 48_930):
        changed.make(changed.cast, "report", rows=rows, **schema(id="int", total="decimal"))
    changed.make(
        changed.there, "report", rows=47_105, **schema(id="int", total="double", returned="decimal"),
        bytes={"type": "int", "value": 9_200_301},
    )  # fmt: skip
    changed.make(changed.there, "returns", rows=1_204)
