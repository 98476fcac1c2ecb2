"""Ids of asset events are taken before they are committed: whoever has read up to one must know that no lower one is still to come.

Who takes ids holds a lock of the organization until the end of the transaction, as many at once as like to. Who reads waits for those
that are under way, and no longer than that.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import structlog
from django.db import OperationalError, connection, transaction

from controlplane.core import recordsets

log = structlog.get_logger(__name__)

# Of Postgres' advisory locks with two keys; the other is of the organization.
_CLASS = 0x0DA66E2
# Transactions that write events take milliseconds.
_PATIENCE = "3s"
_TAKE = f"""
    WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared({_CLASS}, hashtext(%s)))
    SELECT nextval('asset_event_id_seq') FROM held, generate_series(1, %s)
"""  # noqa: S608 - a constant of this file


def new_ids(org_id: UUID, count: int) -> list[int]:
    """Rising ids for events that the caller's transaction stores."""
    return [row[0] for row in recordsets.fetch(_TAKE, [str(org_id), count])]


@contextmanager
def snapshot(org_id: UUID) -> Iterator[None]:
    """A transaction that only reads, and sees everything as of one moment: of ids of events, all up to the highest that it sees."""
    held = _hold(org_id)
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                # The first question fixes what is seen; those who write go on from here.
                cursor.execute("SELECT pg_advisory_unlock(%s, hashtext(%s)) WHERE %s", [_CLASS, str(org_id), held])
            held = False
            yield
    finally:
        if held:
            recordsets.fetch("SELECT pg_advisory_unlock(%s, hashtext(%s))", [_CLASS, str(org_id)])


def _hold(org_id: UUID) -> bool:
    """False when somebody writes for too long: then an event of theirs may be seen late by who compares ids."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{_PATIENCE}'")
        try:
            cursor.execute("SELECT pg_advisory_lock(%s, hashtext(%s))", [_CLASS, str(org_id)])
        except OperationalError:
            log.warning("event_order.not_settled", org=str(org_id))
            return False
        finally:
            cursor.execute("RESET lock_timeout")
    return True
