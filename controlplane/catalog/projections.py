"""From events to the history and the latest state of assets, partitions and checks. Set-based; called inside the caller's transaction.

A partition is materialized once it has a materialization; it is incomplete while its latest planned id is above its latest
materialization id, and then it failed if that run failed, and is in progress while that run goes on. A run that ends otherwise without
having made what it planned takes its plan back.
"""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from operator import attrgetter
from typing import Any, TypeVar
from uuid import UUID

from controlplane.catalog import changes
from controlplane.catalog import projection_sql as sql
from controlplane.catalog.event_order import new_ids
from controlplane.catalog.models import AssetEventKind
from controlplane.catalog.rows import AssetEventRow, CheckRow
from controlplane.core import recordsets

Row = TypeVar("Row", AssetEventRow, CheckRow)


def apply(org_id: UUID, rows: Sequence[AssetEventRow | CheckRow]) -> None:
    """Store these, in their order, and bring the latest states up to date. Ids rise through the whole installation."""
    if not rows:
        return
    for row, event_id in zip(rows, new_ids(org_id, len(rows)), strict=True):
        row.id = event_id
    events = [row for row in rows if isinstance(row, AssetEventRow)]
    if events:
        recordsets.execute(sql.INSERT_ASSET_EVENTS, [recordsets.rows(events), org_id])
        _apply_kind(org_id, events, AssetEventKind.PLANNED, sql.ASSET_PLANNED, sql.PARTITION_PLANNED)
        _apply_kind(org_id, events, AssetEventKind.MATERIALIZATION, sql.ASSET_MATERIALIZED, sql.PARTITION_MATERIALIZED)
        _apply_kind(org_id, events, AssetEventKind.OBSERVATION, sql.ASSET_OBSERVED, None)
    checks = [row for row in rows if isinstance(row, CheckRow)]
    if checks:
        _apply_checks(org_id, checks)
    changes.note(org_id, ((row.deployment_id, row.asset_key) for row in rows))


@dataclass(frozen=True)
class EndedRun:
    """A run that will make nothing more."""

    deployment_id: UUID
    run_id: UUID
    at: datetime.datetime
    failed: bool


def record_ends(org_id: UUID, ended: Sequence[EndedRun]) -> None:
    """What these runs planned last and did not materialize has failed with a failed run, and is not planned any more otherwise."""
    rows, run_ids = recordsets.rows([asdict(run) for run in ended]), [run.run_id for run in ended]
    changes.note_ends(org_id, (run.deployment_id for run in ended), run_ids)
    recordsets.execute(sql.ASSET_GIVEN_UP, [rows, org_id, run_ids])
    recordsets.execute(sql.PARTITION_GIVEN_UP, [rows, org_id, run_ids])


def _apply_kind(
    org_id: UUID, events: list[AssetEventRow], kind: AssetEventKind, of_asset: str, of_partition: str | None
) -> None:
    rows = [event for event in events if event.kind == kind]
    if not rows:
        return
    _upsert(org_id, of_asset, _latest(rows, attrgetter("deployment_id", "asset_key")))
    partitioned = [row for row in rows if row.partition_key is not None]
    if of_partition and partitioned:
        _upsert(org_id, of_partition, _latest(partitioned, attrgetter("deployment_id", "asset_key", "partition_key")))


def _apply_checks(org_id: UUID, checks: list[CheckRow]) -> None:
    recordsets.execute(sql.INSERT_CHECK_EVALUATIONS, [recordsets.rows(checks), org_id])
    of_check = ("deployment_id", "asset_key", "check_name")
    _upsert(org_id, sql.CHECK_EVALUATED, _latest(checks, attrgetter(*of_check)))
    partitioned = [row for row in checks if row.partition_key is not None]
    if partitioned:
        _upsert(org_id, sql.CHECK_PARTITION_EVALUATED, _latest(partitioned, attrgetter(*of_check, "partition_key")))


def _upsert(org_id: UUID, statement: str, rows: Sequence[Any]) -> None:
    recordsets.execute(statement, [recordsets.rows(rows), org_id])


def _latest(rows: Sequence[Row], key: Callable[[Row], Any]) -> list[Row]:
    """The last row of each key, by key: two transactions that lock several states do so in the same order."""
    last = {key(row): row for row in rows}
    return [last[each] for each in sorted(last)]
