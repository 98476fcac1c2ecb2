"""Ids of events are taken before they are committed: whoever has read up to one must know that no lower one is still to come.

Who takes ids holds a lock of the organization until the end of the transaction, as many at once as like to, and another one whose key is
the id that all of its own are above. So who reads can tell up to which id everything is there, without holding anybody up.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import structlog
from django.db import OperationalError, connection, transaction

from controlplane.core import recordsets

log = structlog.get_logger(__name__)

# Of Postgres' advisory locks with two keys; the other is the organization's, and in the second class an id.
_CLASS = 0x0DA66E2
_ABOVE_CLASS = 0x0DA66E3
_KEYS = 2**31
# Transactions that write events take milliseconds.
_PATIENCE_SECONDS = 3.0
_READ_PATIENCE_SECONDS = 0.5
_PAUSE_SECONDS = 0.002
# Those who write wait behind whoever waits for a lock that excludes them, so that is not for long.
_HELD_UP = "50ms"
_NEWEST = "SELECT last_value - (NOT is_called)::int AS id FROM asset_event_id_seq"
# To be followed by a statement that reads FROM held, and takes its ids by nextval; its first parameter is the organization's id as text.
TAKING = f"""
    WITH above AS MATERIALIZED ({_NEWEST}),
         told AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared({_ABOVE_CLASS}, mod(id, {_KEYS})::int) FROM above),
         held AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared({_CLASS}, hashtext(%s)) FROM told)
"""  # noqa: S608 - constants of this file
_TAKE = f"{TAKING} SELECT nextval('asset_event_id_seq') FROM held, generate_series(1, %s)"  # noqa: S608 - constants of this file
# A transaction that sees everything as of one moment needs nobody to end.
_TOP = f"SELECT id, current_setting('transaction_isolation') = 'repeatable read' FROM ({_NEWEST}) newest"  # noqa: S608 - as above
_OPEN = f"""
    SELECT DISTINCT above.objid::bigint FROM pg_locks held
    JOIN pg_locks above ON above.pid = held.pid AND above.virtualtransaction = held.virtualtransaction
     AND above.locktype = 'advisory' AND above.classid = {_ABOVE_CLASS} AND above.objsubid = 2
    WHERE held.locktype = 'advisory' AND held.classid = {_CLASS} AND held.objsubid = 2 AND held.pid <> pg_backend_pid()
      AND held.objid = (hashtext(%s)::bigint & 4294967295)::oid AND held.mode = 'ShareLock'
      AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""  # noqa: S608 - as above


def new_ids(org_id: UUID, count: int) -> list[int]:
    """Rising ids for events that the caller's transaction stores."""
    return [row[0] for row in recordsets.fetch(_TAKE, [str(org_id), count])]


def settled(org_id: UUID) -> int:
    """The id up to which no event of the organization is still to come. Waits a moment for the transactions that store events just now;
    where one takes long, it is the last id before its own. Ask before reading, and read no further.
    """
    [(top, fixed)] = recordsets.fetch(_TOP)
    until = time.monotonic() + _READ_PATIENCE_SECONDS
    while not fixed and (lowest := _lowest(org_id, top)) < top:
        if time.monotonic() > until:
            return lowest
        time.sleep(_PAUSE_SECONDS)
    return int(top)


def all_settled(org_id: UUID) -> bool:
    """Whether every event of the organization whose id is taken by now is there, or never will be. Waits a moment for it."""
    [(top,)] = recordsets.fetch(_NEWEST)
    return settled(org_id) >= int(top)


def _lowest(org_id: UUID, top: int) -> int:
    """The id that those under way are all above, or `top` when none of theirs is below that."""
    ahead = [(above - top) % _KEYS for (above,) in recordsets.fetch(_OPEN, [str(org_id)])]
    # Half a circle of keys tells before from behind.
    return min((top + step - _KEYS for step in ahead if step >= _KEYS // 2), default=top)


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
    until = time.monotonic() + _PATIENCE_SECONDS
    while not _try(org_id):
        if time.monotonic() > until:
            log.warning("event_order.not_settled", org=str(org_id))
            return False
        while recordsets.fetch(_OPEN, [str(org_id)]) and time.monotonic() < until:
            time.sleep(_PAUSE_SECONDS)
    return True


def _try(org_id: UUID) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{_HELD_UP}'")
        try:
            cursor.execute("SELECT pg_advisory_lock(%s, hashtext(%s))", [_CLASS, str(org_id)])
        except OperationalError:
            return False
        finally:
            cursor.execute("RESET lock_timeout")
    return True
