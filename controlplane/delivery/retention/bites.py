"""Rows of one deployment that keeps less than others: they leave week by week, in bites of a transaction each.

Whoever is killed in between has left the mark where it was: the next one goes on from there.
"""

import datetime
from collections.abc import Sequence
from uuid import UUID

from django.db import connection, connections
from psycopg import sql

from controlplane.core import recordsets
from controlplane.delivery.retention.histories import HISTORIES, OF_RUNS, RUN, Table
from controlplane.delivery.retention.policies import Policy
from controlplane.runs.log_objects import delete_log_objects
from controlplane.runs.models import Run
from controlplane.runs.states import ACTIVE
from tenants.ids import first_uuid7_at, time_of
from tenants.scoping import org_scope

RUNS = 200
ROWS = 5000

# Places of rows are those of one partition each, and may repeat: the conditions are there twice.
_DELETE = sql.SQL("""
    DELETE FROM {table} WHERE {condition} AND ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {condition} LIMIT %(most)s))
""")
_OF_DEPLOYMENT = sql.SQL(
    "org_id = %(org)s AND deployment_id = %(deployment)s AND {key} >= %(low)s AND {key} < %(high)s AND {finished}"
)
_OF_RUNS = sql.SQL("org_id = %(org)s AND {key} = ANY(%(ids)s)")

_SOME = sql.SQL("SELECT EXISTS (SELECT 1 FROM {table} WHERE run_id >= %s AND run_id < %s)")

_MARK = """
    INSERT INTO retention_mark AS m (org_id, deployment_id, kind, before, updated_at) VALUES (%s, %s, %s, %s, clock_timestamp())
    ON CONFLICT (org_id, deployment_id, kind) DO UPDATE
    SET before = greatest(m.before, excluded.before), updated_at = excluded.updated_at
"""

Span = tuple[datetime.datetime, datetime.datetime]


def due_span(policy: Policy, kind: str) -> Span | None:
    """From when to when history of the kind can go now: not past the oldest run that is under way."""
    span = policy.due(kind)
    if span is None or kind not in OF_RUNS:
        return span
    with org_scope(policy.org_id):
        active = Run.objects.for_org(policy.org_id).filter(deployment_id=policy.deployment_id, status__in=ACTIVE)
        oldest = active.order_by("id").values_list("id", flat=True).first()
    low, high = span[0], min(span[1], time_of(oldest)) if oldest else span[1]
    if low >= high:
        return None
    if kind != "runs" and not any(_has_rows(table, low, high) for table in HISTORIES[kind]):
        # Their weeks were dropped: there are runs of then, and nothing of theirs to look for.
        mark(policy, kind, high)
        return None
    return low, high


def _has_rows(table: Table, low: datetime.datetime, high: datetime.datetime) -> bool:
    """Of whomever."""
    with connections["door"].cursor() as cursor:
        cursor.execute(_SOME.format(table=sql.Identifier(table.name)), [first_uuid7_at(low), first_uuid7_at(high)])
        return bool(cursor.fetchone()[0])


def bite(policy: Policy, kind: str, span: Span) -> Span | None:
    """Delete some of it; what is left, None when nothing is."""
    return _bite_runs(policy, kind, span) if kind in OF_RUNS else _bite_rows(policy, kind, span)


def _bite_rows(policy: Policy, kind: str, span: Span) -> Span | None:
    for table in HISTORIES[kind]:
        if _delete_rows(policy, table, span):
            return span
    mark(policy, kind, span[1])
    return None


def _bite_runs(policy: Policy, kind: str, span: Span) -> Span | None:
    low, high = span
    with org_scope(policy.org_id):
        runs = Run.objects.for_org(policy.org_id).filter(deployment_id=policy.deployment_id)
        old = runs.filter(id__gte=first_uuid7_at(low), id__lt=first_uuid7_at(high))
        ids = list(old.order_by("id").values_list("id", flat=True)[:RUNS])
    if kind in {"logs", "runs"}:
        delete_log_objects(policy.org_id, ids)
    # With a run goes whatever is its own, also what was written after its events went.
    kinds = ("logs", "events", "runs") if kind == "runs" else (kind,)
    for table in (table for one in kinds for table in HISTORIES[one]):
        _delete_of_runs(policy.org_id, table, ids)
    if len(ids) < RUNS:
        mark(policy, kind, high)
        return None
    # A run of the same millisecond may be left.
    reached = time_of(ids[-1])
    mark(policy, kind, reached)
    return reached, high


def _delete_rows(policy: Policy, table: Table, span: Span) -> int:
    low, high = span if table.key == "recorded_at" else (first_uuid7_at(span[0]), first_uuid7_at(span[1]))
    finished = sql.SQL(f"NOT ({table.unfinished})" if table.unfinished else "true")
    condition = _OF_DEPLOYMENT.format(key=sql.Identifier(table.key), finished=finished)
    words = {"org": policy.org_id, "deployment": policy.deployment_id, "low": low, "high": high, "most": ROWS}
    with org_scope(policy.org_id), connection.cursor() as cursor:
        cursor.execute(_DELETE.format(table=sql.Identifier(table.name), condition=condition), words)
        return int(cursor.rowcount)


def _delete_of_runs(org_id: UUID, table: Table, ids: Sequence[UUID]) -> None:
    condition = _OF_RUNS.format(key=sql.Identifier(RUN.key if table is RUN else "run_id"))
    statement = _DELETE.format(table=sql.Identifier(table.name), condition=condition)
    left = bool(ids)
    while left:
        with org_scope(org_id), connection.cursor() as cursor:
            cursor.execute(statement, {"org": org_id, "ids": list(ids), "most": ROWS})
            left = cursor.rowcount > 0


def mark(policy: Policy, kind: str, before: datetime.datetime) -> None:
    """Keep that nothing of the kind is left from before then, and that the deployment had its turn now. A mark never goes back."""
    with org_scope(policy.org_id):
        recordsets.execute(_MARK, [policy.org_id, policy.deployment_id, kind, before])
