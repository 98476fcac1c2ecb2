"""Deleting an organization whose grace period is over: every row of every tenant table, its objects, and the organization itself.

What is left is one row of `audit_tombstone`. Tables are read from Postgres' catalogue, so that a new one is not forgotten. Everything here
may be interrupted and begins again at the next sweep; the organization's own row goes last.
"""

from uuid import UUID

import structlog
from django.db import connections, transaction
from django.db.models.functions import Now
from psycopg import sql

from controlplane.core.objects import store
from tenants.access import SYSTEM
from tenants.audit.deletion import bury_log
from tenants.models import Organization, OrganizationState

log = structlog.get_logger(__name__)

# Without these nobody can ask for anything any more. They go one sweep before the rest, so that no request that was let in just
# before adds rows behind the deletion.
_DOORS = ("api_token", "membership", "agent")
# The audit log goes with `bury_log`, which leaves the tombstone; the application may not delete from it.
_BURIED = ("audit_event", "audit_seal", "audit_turn")

_TABLES = """
SELECT c.relname FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""
_REFERENCES = """
SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint
WHERE contype = 'f' AND conrelid <> confrelid AND conparentid = 0
"""


def sweep() -> int:
    """Delete what is due, or close its doors; returns how many organizations are gone now."""
    due = Organization.objects.filter(state=OrganizationState.PENDING_DELETION, delete_after__lte=Now())
    return sum(delete_if_closed(org_id) for org_id in list(due.values_list("id", flat=True)))


def delete_if_closed(org_id: UUID) -> bool:
    """Delete the organization when its doors were closed in an earlier sweep, and say whether it is gone; otherwise close them."""
    if _close_doors(org_id):
        log.info("organization.closed_for_deletion", org_id=str(org_id))
        return False
    for table in tables_in_order():
        _delete_rows(org_id, table)
    store().delete_organization(org_id)
    _bury(org_id)
    log.info("organization.deleted", org_id=str(org_id))
    return True


def tables_in_order() -> list[str]:
    """Every tenant table but those of the audit log, each before those that its rows point at."""
    with connections["door"].cursor() as cursor:
        cursor.execute(_TABLES)
        left = {name for (name,) in cursor.fetchall()} - set(_BURIED)
        cursor.execute(_REFERENCES)
        points_at = [(child, parent) for child, parent in cursor.fetchall() if {child, parent} <= left]
    ordered: list[str] = []
    while left:
        free = sorted(left - {parent for child, parent in points_at if child in left})
        # A circle of references is deferred or cascades; its tables go by name.
        ordered += free or sorted(left)
        left -= set(free or left)
    return ordered


def _close_doors(org_id: UUID) -> bool:
    with transaction.atomic(using="door"):
        return sum(_delete_rows(org_id, table) for table in _DOORS) > 0


def _delete_rows(org_id: UUID, table: str) -> int:
    with connections["door"].cursor() as cursor:
        statement = sql.SQL("DELETE FROM {} WHERE org_id = %s").format(sql.Identifier(table))
        cursor.execute(statement, [org_id])
        return int(cursor.rowcount)


def _bury(org_id: UUID) -> None:
    """The audit log becomes its tombstone and the organization goes, in one transaction, with whatever was added meanwhile."""
    with transaction.atomic(using="door"):
        for table in tables_in_order():
            _delete_rows(org_id, table)
        bury_log(org_id=org_id, actor=SYSTEM)
        Organization.objects.using("door").filter(id=org_id).delete()
