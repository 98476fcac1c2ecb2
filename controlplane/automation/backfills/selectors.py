"""Reading backfills, within the rights of the caller: one is seen by whoever may see the runs of all that it makes."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import RawSQL

from controlplane.automation.models import Backfill, BackfillKind, BackfillPartition, PartitionProgress
from controlplane.core import recordsets
from controlplane.deployments.visibility import Visible
from controlplane.runs import labels
from controlplane.runs.models import Run, RunLabel
from controlplane.runs.requests import BACKFILL_TAG
from tenants.errors import ForbiddenError, NotFoundError
from tenants.permissions import Permission
from tenants.scoping import org_scope

# How many stretches of partitions a matrix shows of one asset.
STRETCHES = 120

_ALL_SEEN = """
    NOT EXISTS (SELECT 1 FROM jsonb_array_elements_text("backfill"."assets") AS named(key) WHERE named.key <> ALL(%s::text[]))
"""


@dataclass(frozen=True)
class BackfillFilter:
    """Which backfills; empty means all. `asset` and `job` name what they make."""

    status: tuple[str, ...] = ()
    asset: str = ""
    job: str = ""
    launched_by: str = ""


def backfills(visible: Visible, wanted: BackfillFilter | None = None) -> QuerySet[Backfill]:
    """Those of the deployment that the caller sees; read it inside org_scope."""
    rows = _covered(visible, Permission.RUN_READ, Backfill.objects.for_org(visible.org_id))
    asked = wanted or BackfillFilter()
    if asked.status:
        rows = rows.filter(status__in=asked.status)
    if asked.asset:
        rows = rows.filter(assets__contains=[asked.asset])
    if asked.job:
        rows = rows.filter(job_name=asked.job)
    if asked.launched_by:
        rows = rows.filter(actor_label=asked.launched_by)
    return rows


def backfill(visible: Visible, backfill_id: UUID) -> Backfill:
    """One; NotFoundError when there is none that the caller sees."""
    with org_scope(visible.org_id):
        found = backfills(visible).filter(id=backfill_id).first()
    if found is None:
        raise NotFoundError("There is no such backfill in this deployment.")
    return found


def require_on(visible: Visible, permission: Permission, found: Backfill) -> None:
    """ForbiddenError without the right on all that it makes."""
    if not permits(visible, permission, found):
        raise ForbiddenError(f"This needs the permission {permission} on all that the backfill makes.")


def permits(visible: Visible, permission: Permission, found: Backfill) -> bool:
    """Whether the caller holds the right on all that it makes."""
    if visible.part(permission).is_everything:
        return True
    with org_scope(visible.org_id):
        rows = Backfill.objects.for_org(visible.org_id).filter(id=found.id)
        return _covered(visible, permission, rows).exists()


def _covered(visible: Visible, permission: Permission, rows: QuerySet[Backfill]) -> QuerySet[Backfill]:
    rows = rows.filter(deployment_id=visible.deployment_id)
    part = visible.part(permission)
    if part.is_everything:
        return rows
    if part.rule.covers_nothing:
        return rows.none()
    seen = Q(RawSQL(_ALL_SEEN, [sorted(part.assets)], output_field=BooleanField())) & ~Q(assets=[])  # noqa: S611 - constant SQL
    locations = (
        ~Q(location_name__in=sorted(part.denied_locations))
        if part.rule.everywhere
        else Q(location_name__in=sorted(part.granted_locations))
    )
    return rows.filter(seen | Q(kind=BackfillKind.JOB, assets=[]) & locations)


@dataclass(frozen=True)
class AssetProgress:
    """Where a backfill is with one asset (the job: ''): how many partitions are in each state."""

    asset_key: str
    counts: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


_BY_ASSET = """
    SELECT asset_key, state, count(*) FROM backfill_partition WHERE org_id = %s AND backfill_id = %s GROUP BY 1, 2
"""


def progress(found: Backfill) -> list[AssetProgress]:
    """Of each asset, in the order in which the backfill makes them."""
    with org_scope(found.org_id):
        rows = recordsets.fetch(_BY_ASSET, [found.org_id, found.id])
    counts: dict[str, dict[str, int]] = {}
    for asset, state, number in rows:
        counts.setdefault(asset, {})[state] = number
    places = {key: place for place, key in enumerate(found.assets)}
    ordered = sorted(counts, key=lambda key: (places.get(key, len(places)), key))
    return [
        AssetProgress(key, {state: counts[key].get(state, 0) for state in PartitionProgress.values}) for key in ordered
    ]


@dataclass(frozen=True)
class Stretch:
    """Some partitions of one asset that lie side by side: the first, the last, and how many are in each state."""

    asset_key: str
    place: int
    first: str
    last: str
    counts: dict[str, int]

    @property
    def worst(self) -> str:
        """The state that wants attention most."""
        return next((state for state in _BY_URGENCY if self.counts.get(state)), "targeted")


_BY_URGENCY = ("failed", "canceled", "skipped", "requested", "targeted", "materialized")
_STRETCHES = """
    WITH bounds AS (SELECT min(position) AS low, greatest(1, max(position) - min(position) + 1) AS width
                    FROM backfill_partition WHERE org_id = %(org)s AND backfill_id = %(backfill)s AND asset_key = ANY(%(assets)s))
    SELECT asset_key, (position - low)::bigint * least(%(parts)s, width) / width AS place, state, count(*),
           min(ARRAY[lpad(position::text, 10, '0'), partition_key]), max(ARRAY[lpad(position::text, 10, '0'), partition_key])
    FROM backfill_partition, bounds
    WHERE org_id = %(org)s AND backfill_id = %(backfill)s AND asset_key = ANY(%(assets)s)
    GROUP BY 1, 2, 3 ORDER BY 1, 2
"""


def stretches(found: Backfill, assets: list[str], *, parts: int = STRETCHES) -> dict[str, list[Stretch]]:
    """The partitions of some assets in at most so many stretches, which lie beside each other for all of them."""
    asked = {"org": found.org_id, "backfill": found.id, "assets": assets, "parts": parts}
    with org_scope(found.org_id):
        rows = recordsets.fetch(_STRETCHES, asked)
    grouped: dict[tuple[str, int], list[tuple[Any, ...]]] = {}
    for row in rows:
        grouped.setdefault((row[0], row[1]), []).append(row)
    made: dict[str, list[Stretch]] = {asset: [] for asset in assets}
    for (asset, place), group in grouped.items():
        first, last = min(row[4] for row in group)[1], max(row[5] for row in group)[1]
        made[asset].append(Stretch(asset, place, first, last, {row[2]: row[3] for row in group}))
    return made


def partitions(found: Backfill, *, asset: str | None = None, state: str = "") -> QuerySet[BackfillPartition]:
    """Its partitions, of one asset or all, in one state or all; read it inside org_scope."""
    rows = BackfillPartition.objects.for_org(found.org_id).filter(backfill_id=found.id)
    if asset is not None:
        rows = rows.filter(asset_key=asset)
    return rows.filter(state=state) if state else rows


def runs_of(found: Backfill) -> QuerySet[Run]:
    """The runs it launched, those made again of these included; read it inside org_scope."""
    rows: QuerySet[Run] = Run.objects.for_org(found.org_id)
    return rows.filter(deployment_id=found.deployment_id, id__in=_labelled(found))


def _labelled(found: Backfill) -> QuerySet[Any]:
    label = labels.tag(BACKFILL_TAG, str(found.id))
    rows = RunLabel.objects.for_org(found.org_id).filter(deployment_id=found.deployment_id, label=label)
    return rows.values("run_id")


def name_of(found: Backfill) -> str:
    """What it is called where it has no title."""
    if found.title:
        return found.title
    if found.job_name:
        return found.job_name
    more = len(found.assets) - 2
    return ", ".join(found.assets[:2]) + (f" and {more} more" if more > 0 else "")
