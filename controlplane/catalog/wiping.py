"""Removing what is known of an asset, up to an event: from the latest states, and from the history in bites. Joins the caller's scope.

What is newer than `up_to_id` stays: it was made after somebody asked for the wipe.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import F, Q

from controlplane.catalog import changes
from controlplane.catalog.models import (
    AssetEvent,
    AssetEventKind,
    AssetState,
    CheckEvaluation,
    CheckPartitionState,
    CheckState,
    PartitionState,
)
from controlplane.core import recordsets

# Rows of the history that one bite looks at.
BITE_ROWS = 10_000
# The history of so few partitions is looked up; of more, the history is gone through.
_FEW = 200
# Each name by the index, up to the first row: one partition may have hundreds of thousands of events.
_HAS_ROW = """
    SELECT wanted.name FROM unnest(%s::text[]) AS wanted(name), LATERAL (
        SELECT 1 FROM {table}
        WHERE org_id = %s AND deployment_id = %s AND asset_key = %s AND partition_key = wanted.name LIMIT 1
    ) AS found
"""


@dataclass(frozen=True)
class Wiped:
    """One asset of one deployment, up to an event."""

    org_id: UUID
    deployment_id: UUID
    asset_key: str
    up_to_id: int

    def rows(self, model: Any) -> Any:
        """Rows of a table that are about the asset."""
        found = model.objects.for_org(self.org_id)
        return found.filter(deployment_id=self.deployment_id, asset_key=self.asset_key)

    def note(self) -> None:
        """Tell those who follow the asset."""
        changes.note(self.org_id, [(self.deployment_id, self.asset_key)])


@dataclass(frozen=True)
class Bite:
    """What a bite of the history did: the last id that it looked at (None when there is nothing behind it), and how many events went."""

    seen_to: int | None
    deleted: int


def newest_id() -> int:
    """An id above that of every event so far."""
    [(number,)] = recordsets.fetch("SELECT nextval('asset_event_id_seq')")
    return int(number)


def have_anything(org_id: UUID, deployment_id: UUID, asset_key: str, partitions: Sequence[str]) -> set[str]:
    """Those of these partitions that something is known of: a state, or an event. Names are as they are stored."""
    found, left = set[str](), list(partitions)
    for model in (PartitionState, CheckPartitionState, AssetEvent):
        asked = _HAS_ROW.format(table=model._meta.db_table)
        found |= {name for (name,) in recordsets.fetch(asked, [left, org_id, deployment_id, asset_key])}
        left = [name for name in left if name not in found]
    return found


def some_partitions_left(wiped: Wiped, most: int) -> list[str]:
    """Partitions of the asset that `wipe_partition_states` would change, as many as are told."""
    states = wiped.rows(PartitionState).filter(
        Q(_old("materialization_id", wiped), _old("planned_id", wiped)) & ~_UNDER_WAY
        | Q(materialization_id__lte=wiped.up_to_id)
    )
    found = list(states.order_by("partition_key").values_list("partition_key", flat=True)[:most])
    checks = wiped.rows(CheckPartitionState).filter(evaluation_id__lte=wiped.up_to_id).order_by("partition_key")
    return found or list(checks.values_list("partition_key", flat=True)[:most])


def wipe_partition_states(wiped: Wiped, partitions: Sequence[str] | None) -> None:
    """The latest of these partitions and of their checks, or of all of them: gone, but for what is under way or newer."""
    states, checks = wiped.rows(PartitionState), wiped.rows(CheckPartitionState)
    if partitions is not None:
        states, checks = (rows.filter(partition_key__in=partitions) for rows in (states, checks))
    checks.filter(evaluation_id__lte=wiped.up_to_id).delete()
    states.filter(_old("materialization_id", wiped), _old("planned_id", wiped)).exclude(_UNDER_WAY).delete()
    states.filter(materialization_id__lte=wiped.up_to_id).update(**_NO_MATERIALIZATION)


def wipe_asset_states(wiped: Wiped) -> None:
    """The latest of the asset and of its checks: gone, but for what is under way or newer."""
    states = wiped.rows(AssetState)
    old = [_old(name, wiped) for name in ("materialization_id", "planned_id", "observation_id")]
    states.filter(*old).exclude(_UNDER_WAY).delete()
    states.filter(materialization_id__lte=wiped.up_to_id).update(**_NO_MATERIALIZATION, materialization_partition=None)
    states.filter(observation_id__lte=wiped.up_to_id).update(
        observation_id=None, observed_at=None, observation_serdes="", observation_tags={}
    )
    wiped.rows(CheckState).filter(evaluation_id__lte=wiped.up_to_id).delete()


def wipe_history(wiped: Wiped, partitions: Collection[str] | None, *, after_id: int) -> Bite:
    """Delete the events and evaluations behind an id, of these partitions or of all, as many as one bite looks at."""
    here: dict[str, Any] = {"id__gt": after_id, "id__lte": wiped.up_to_id}
    if partitions is not None and len(partitions) <= _FEW:
        here["partition_key__in"] = list(partitions)
    found: list[tuple[Any, int, str | None, bool]] = []
    # Kind by kind, as the index is. Plans stay: a run that is under way is told from one that failed by them.
    kinds = (AssetEventKind.MATERIALIZATION, AssetEventKind.OBSERVATION)
    events = [(wiped.rows(AssetEvent).filter(kind=kind), False) for kind in kinds]
    for rows, is_check in (*events, (wiped.rows(CheckEvaluation), True)):
        columns = rows.filter(**here).order_by("id").values_list("recorded_at", "id", "partition_key")
        found += [(*row, is_check) for row in columns[:BITE_ROWS]]
    found.sort(key=lambda row: row[1])
    looked_at = found[:BITE_ROWS]
    doomed = [row for row in looked_at if partitions is None or row[2] in partitions]
    for model, is_check in ((AssetEvent, False), (CheckEvaluation, True)):
        ids = [row[1] for row in doomed if row[3] == is_check]
        times = [row[0] for row in doomed if row[3] == is_check]
        if ids:
            # The times keep Postgres from looking into partitions of the table that hold none of these.
            wiped.rows(model).filter(id__in=ids, recorded_at__range=(min(times), max(times))).delete()
    return Bite(looked_at[-1][1] if len(looked_at) == BITE_ROWS else None, len(doomed))


def settle(wiped: Wiped, partitions: Collection[str]) -> None:
    """Once partitions are gone: the latest of the asset, and of its checks, is the latest of what is left."""
    state = wiped.rows(AssetState).select_for_update().first()
    if state is not None and _is_gone(state.materialization_partition, state.materialization_id, partitions, wiped):
        latest = _latest_left(wiped)
        wiped.rows(AssetState).update(**(latest or {**_NO_MATERIALIZATION, "materialization_partition": None}))
    for check in wiped.rows(CheckState).select_for_update().order_by("check_name"):
        if _is_gone(check.partition_key, check.evaluation_id, partitions, wiped):
            _settle_check(wiped, check)


def _is_gone(partition: str | None, event_id: int | None, partitions: Collection[str], wiped: Wiped) -> bool:
    return partition in partitions and event_id is not None and event_id <= wiped.up_to_id


def _latest_left(wiped: Wiped) -> dict[str, Any] | None:
    """The newest materialization of the history, or, where that was kept no longer, of the partitions."""
    events = wiped.rows(AssetEvent).filter(kind=AssetEventKind.MATERIALIZATION).order_by("-id")
    event = events.first()
    if event is not None:
        return {
            "materialization_id": event.id,
            "materialized_at": event.at,
            "materialization_run_id": event.run_id,
            "materialization_partition": event.partition_key,
            "materialization_metadata": event.metadata,
            "materialization_tags": event.tags,
            "materialization_serdes": event.serdes,
        }
    states = wiped.rows(PartitionState).filter(materialization_id__isnull=False)
    left = states.order_by("-materialization_id").first()
    if left is None:
        return None
    fields = {name: getattr(left, name) for name in _NO_MATERIALIZATION}
    return {**fields, "materialization_partition": left.partition_key}


def _settle_check(wiped: Wiped, check: CheckState) -> None:
    rows, states = wiped.rows(CheckEvaluation), wiped.rows(CheckState).filter(check_name=check.check_name)
    left = rows.filter(check_name=check.check_name).order_by("-id").first()
    if left is None:
        states.delete()
        return
    names = ("at", "run_id", "passed", "severity", "partition_key", "description", "metadata", "serdes")
    states.update(evaluation_id=left.id, **{name: getattr(left, name) for name in names})


def _old(name: str, wiped: Wiped) -> Q:
    return Q(**{f"{name}__isnull": True}) | Q(**{f"{name}__lte": wiped.up_to_id})


# A run has planned it and is not over.
_UNDER_WAY = Q(planned_id__isnull=False, failed_at__isnull=True) & (
    Q(materialization_id__isnull=True) | Q(planned_id__gt=F("materialization_id"))
)
_NO_MATERIALIZATION: dict[str, Any] = {
    "materialization_id": None,
    "materialized_at": None,
    "materialization_run_id": None,
    "materialization_metadata": {},
    "materialization_tags": {},
    "materialization_serdes": "",
}
