"""Recomputing the hash chain of an organization: whether its audit log is as it was written, and the first row that is not.

Reads what the database stored and computes the hashes here, apart from the triggers that wrote them. A chain that was cut at its
end, or rewritten as a whole, is consistent in itself: only a head kept elsewhere (`expected`) shows that.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from tenants.audit.canonical import CANONICAL
from tenants.errors import InvalidError
from tenants.scoping import org_scope

# Rows read at once: some megabytes.
_BATCH = 5_000
_HEAD = re.compile(r"(\d{1,18}):([0-9a-f]{64})", re.ASCII)


class Damage(StrEnum):
    """What was done to a log."""

    EDITED = "edited"
    DELETED = "deleted"
    INSERTED = "inserted"
    REORDERED = "reordered"
    # The chain does not lead to the head that was kept: rows are missing at its end, or all of it was written anew.
    REWRITTEN = "rewritten"


@dataclass(frozen=True)
class Head:
    """The end of a chain: how many events, and the hash over all of them. Written `number:hash`."""

    number: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Read `number:hash`; InvalidError when it is not one."""
        match = _HEAD.fullmatch(text.strip().lower())
        if match is None:
            raise InvalidError("A head looks like 1204:9f86d0…: a number, a colon, and 64 hexadecimal digits.")
        return cls(int(match[1]), bytes.fromhex(match[2]))


@dataclass(frozen=True)
class Break:
    """The first row that is not as it was sealed: its place in the chain (None for one that has none) and its id where known."""

    damage: Damage
    number: int | None
    event_id: UUID | None

    def __str__(self) -> str:
        place = f"row {self.number}" if self.number is not None else "a row without a seal"
        return f"{place}{f' ({self.event_id})' if self.event_id else ''} was {self.damage}"


@dataclass(frozen=True)
class Verified:
    """What came out: the head as far as the chain holds, and where it breaks."""

    head: Head
    broken: Break | None


class _Row(NamedTuple):
    number: int
    event_id: UUID
    hash: bytes
    content: str | None


def origin(org_id: UUID) -> bytes:
    """The hash before the first event."""
    return hashlib.sha256(str(org_id).encode()).digest()


def verify(org_id: UUID, *, expected: Head | None = None) -> Verified:
    """Recompute the chain of an organization, and hold it against a head that was kept."""
    head, broken = Head(0, origin(org_id)), None
    matched = expected is None or (expected.number == 0 and expected.hash == head.hash)
    for row in _rows(org_id):
        broken = _checked(org_id, head, row)
        if broken is not None:
            return Verified(head, broken)
        head = Head(row.number, row.hash)
        matched = matched or head == expected
    broken = _unsealed(org_id)
    if broken is None and not matched:
        assert expected is not None  # without one, everything matches
        broken = Break(Damage.REWRITTEN, expected.number, None)
    return Verified(head, broken)


def _checked(org_id: UUID, before: Head, row: _Row) -> Break | None:
    """What is wrong with this row, coming after that head."""
    if row.number != before.number + 1:
        return Break(Damage.DELETED, before.number + 1, None)
    if row.content is None:
        return Break(Damage.DELETED, row.number, row.event_id)
    if hashlib.sha256(before.hash + row.content.encode()).digest() == row.hash:
        return None
    if _fits_another(org_id, before, row):
        return Break(Damage.REORDERED, row.number, row.event_id)
    return Break(Damage.EDITED, row.number, row.event_id)


def _rows(org_id: UUID) -> Iterator[_Row]:
    last = 0
    while True:
        with org_scope(org_id), connection.cursor() as cursor:
            cursor.execute(_SEALED, [org_id, last, _BATCH])
            rows = [_Row(number, event, bytes(digest), text) for number, event, digest, text in cursor.fetchall()]
        yield from rows
        if len(rows) < _BATCH:
            return
        last = rows[-1].number


_SEALED = f"""
SELECT s.number, s.event_id, s.hash, CASE WHEN e.id IS NOT NULL THEN {CANONICAL} END
FROM (SELECT * FROM audit_seal WHERE org_id = %s AND number > %s ORDER BY number LIMIT %s) s
LEFT JOIN audit_event e ON e.org_id = s.org_id AND e.id = s.event_id ORDER BY s.number
"""  # noqa: S608 - a constant of ours, no value


def _unsealed(org_id: UUID) -> Break | None:
    """An event that came in beside the triggers that seal."""
    with org_scope(org_id), connection.cursor() as cursor:
        cursor.execute(_WITHOUT_SEAL, [org_id])
        found = cursor.fetchone()
    return Break(Damage.INSERTED, None, found[0]) if found else None


_WITHOUT_SEAL = """
SELECT e.id FROM audit_event e WHERE e.org_id = %s
AND NOT EXISTS (SELECT FROM audit_seal s WHERE s.org_id = e.org_id AND s.event_id = e.id) ORDER BY e.id LIMIT 1
"""


def _fits_another(org_id: UUID, before: Head, row: _Row) -> bool:
    """Whether the seal fits an event that stands elsewhere."""
    with org_scope(org_id), connection.cursor() as cursor:
        cursor.execute(_FITTING, [org_id, before.hash, row.hash])
        return cursor.fetchone() is not None


_FITTING = f"""
SELECT e.id FROM audit_event e WHERE e.org_id = %s AND sha256(%s || convert_to({CANONICAL}, 'UTF8')) = %s LIMIT 1
"""  # noqa: S608 - a constant of ours, no value
