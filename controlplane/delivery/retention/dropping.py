"""Weeks that no deployment of the installation needs: their partitions are dropped whole, which gives the disk back at once."""

from collections.abc import Sequence

import structlog
from django.db import connections
from psycopg import sql

from controlplane.core import recordsets
from controlplane.core.old_partitions import Partition, drop_partition
from controlplane.delivery.retention.histories import HISTORIES, OF_RUNS, RUN, Table
from controlplane.delivery.retention.policies import Policy
from tenants.ids import first_uuid7_at

log = structlog.get_logger(__name__)

_HAVE_SOME = sql.SQL("""
    SELECT EXISTS (
        SELECT 1 FROM jsonb_to_recordset(%(needed)s::jsonb) AS n(org_id uuid, deployment_id uuid)
        CROSS JOIN LATERAL (
            SELECT 1 FROM {table} t WHERE t.org_id = n.org_id AND t.deployment_id = n.deployment_id
            AND t.{key} >= %(low)s AND t.{key} < %(high)s LIMIT 1
        ) found
    )
""")
_UNFINISHED = sql.SQL(
    "SELECT EXISTS (SELECT 1 FROM {table} WHERE {condition} AND {key} >= %(low)s AND {key} < %(high)s)"
)
_EMPTY = sql.SQL("SELECT NOT EXISTS (SELECT 1 FROM {table} WHERE {key} >= %(low)s AND {key} < %(high)s)")


def drop_weeks(kind: str, weeks: Sequence[Partition], policies: Sequence[Policy]) -> int:
    """Drop what nobody needs of the kind; returns how many partitions went."""
    dropped = 0
    for table in HISTORIES[kind]:
        for week in weeks:
            if week.table == table.name and _is_free(kind, table, week, policies):
                dropped += drop_partition(week)
    if dropped:
        log.info("retention.dropped", kind=kind, partitions=dropped)
    return dropped


def _is_free(kind: str, table: Table, week: Partition, policies: Sequence[Policy]) -> bool:
    needing = [one for one in policies if one.needs(kind, week.end)]
    if len(needing) == len(policies):
        return False
    if kind == "logs":
        # The bites have deleted its objects; what is left has some still.
        return bool(_ask(_EMPTY, table, week))
    owner = RUN if kind in OF_RUNS else table
    if owner.unfinished and _ask(_UNFINISHED, owner, week):
        return False
    needed = recordsets.rows([{"org_id": one.org_id, "deployment_id": one.deployment_id} for one in needing])
    return not _ask(_HAVE_SOME, owner, week, needed=needed)


def _ask(question: sql.SQL, table: Table, week: Partition, **words: str) -> bool:
    statement = question.format(
        table=sql.Identifier(table.name), key=sql.Identifier(table.key), condition=sql.SQL(table.unfinished or "false")
    )
    by_time = table.key == "recorded_at"
    low, high = (week.start, week.end) if by_time else (first_uuid7_at(week.start), first_uuid7_at(week.end))
    with connections["door"].cursor() as cursor:
        cursor.execute(statement, {"low": low, "high": high, **words})
        return bool(cursor.fetchone()[0])
