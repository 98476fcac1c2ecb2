"""What happened to assets, for those who act on it: automation conditions, freshness. Exactly once, in the order of nobody's clock.

A change is a row, written in the transaction that made it, for each consumer that the deployment's `watchers` name. A consumer reads the
rows that are there, does what follows, and deletes what it has read, in one transaction. Rows of transactions that commit late are simply
read next time; ids or times as cursors would miss them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.db.models import QuerySet

from controlplane.catalog.models import AssetChange
from controlplane.core import recordsets
from controlplane.deployments.models import Deployment

# A consumer that was away catches up in bites.
CHANGES_MAX = 20_000


class Consumer(StrEnum):
    """Who follows changes."""

    CONDITIONS = "conditions"
    FRESHNESS = "freshness"


@dataclass(frozen=True)
class Changes:
    """What one consumer has read: the assets, and the rows to forget when it is done. The key '' stands for dynamic partitions."""

    assets: frozenset[str]
    ids: Sequence[int]


_NOTE = """
    INSERT INTO asset_change (org_id, deployment_id, consumer, asset_key)
    SELECT d.org_id, d.id, w.consumer, c.asset_key
    FROM (SELECT DISTINCT deployment_id, asset_key
          FROM jsonb_to_recordset(%s::jsonb) AS r(deployment_id uuid, asset_key text)) c
    JOIN deployment d ON d.org_id = %s AND d.id = c.deployment_id
    CROSS JOIN LATERAL jsonb_array_elements_text(d.watchers) AS w(consumer)
    WHERE %s::text IS NULL OR w.consumer = %s
"""
# Those whose plans an ending run takes back or fails; asked before it does.
_NOTE_ENDS = """
    INSERT INTO asset_change (org_id, deployment_id, consumer, asset_key)
    SELECT d.org_id, d.id, w.consumer, s.asset_key
    FROM asset_state s JOIN deployment d ON d.org_id = s.org_id AND d.id = s.deployment_id
    CROSS JOIN LATERAL jsonb_array_elements_text(d.watchers) AS w(consumer)
    WHERE s.org_id = %s AND s.deployment_id = ANY(%s) AND s.planned_run_id = ANY(%s)
"""


def note(org_id: UUID, changed: Iterable[tuple[UUID, str]], *, only: Consumer | None = None) -> None:
    """These assets (deployment, key) changed, for `only` one consumer or for all. Joins the caller's transaction."""
    rows = [{"deployment_id": deployment, "asset_key": key} for deployment, key in sorted(set(changed))]
    if rows:
        recordsets.execute(_NOTE, [recordsets.rows(rows), org_id, only, only])


def note_ends(org_id: UUID, deployment_ids: Iterable[UUID], run_ids: Iterable[UUID]) -> None:
    """These runs are about to end: what they planned is not in progress any more."""
    recordsets.execute(_NOTE_ENDS, [org_id, sorted(set(deployment_ids)), sorted(run_ids)])


def watch(org_id: UUID, deployment_id: UUID, consumer: Consumer, *, wanted: bool) -> None:
    """Begin or stop to keep changes for a consumer. Call it inside org_scope."""
    deployment = Deployment.objects.for_org(org_id).select_for_update(no_key=True).filter(id=deployment_id).first()
    if deployment is None or (consumer in deployment.watchers) == wanted:
        return
    others = [name for name in deployment.watchers if name != consumer]
    Deployment.objects.for_org(org_id).filter(id=deployment_id).update(
        watchers=[*others, consumer.value] if wanted else others
    )
    if not wanted:
        _of(org_id, deployment_id, consumer).delete()


def read(org_id: UUID, deployment_id: UUID, consumer: Consumer) -> Changes:
    """What is there now, oldest first. Call it inside org_scope."""
    rows = list(_of(org_id, deployment_id, consumer).order_by("id").values_list("id", "asset_key")[:CHANGES_MAX])
    return Changes(assets=frozenset(key for _id, key in rows), ids=[row_id for row_id, _key in rows])


def pending(org_id: UUID, deployment_id: UUID, consumer: Consumer) -> int:
    """How many `read` would answer. Call it inside org_scope."""
    return _of(org_id, deployment_id, consumer)[:CHANGES_MAX].count()


def forget(org_id: UUID, changes: Changes) -> None:
    """They were acted on. Joins the transaction that stores what followed."""
    if changes.ids:
        AssetChange.objects.for_org(org_id).filter(id__in=list(changes.ids)).delete()


def waiting(consumer: Consumer) -> list[tuple[UUID, UUID]]:
    """Organizations and deployments of the installation with changes for this consumer."""
    rows = AssetChange.objects.across_orgs(reason="find deployments whose assets changed").filter(consumer=consumer)
    return sorted(set(rows.values_list("org_id", "deployment_id")))


def _of(org_id: UUID, deployment_id: UUID, consumer: Consumer) -> QuerySet[AssetChange]:
    return AssetChange.objects.for_org(org_id).filter(deployment_id=deployment_id, consumer=consumer)
