"""A whole organization as JSON lines, `{"table": …, "row": {…}}`, without anything secret.

Tables and columns are read from Postgres' catalogue, so that a new table is in the export without being listed. Each page of rows is a
transaction of its own: memory holds one page, and no connection waits for a slow reader. An organization that is read-only meanwhile
is exported as of one moment; an active one goes on changing.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
from psycopg import sql

from tenants.access import Actor, Org
from tenants.audit.services import AuditTarget, record
from tenants.models import Membership, Organization
from tenants.scoping import org_scope

# Rows of one page: some megabytes at most, as no row of ours is larger than some kilobytes.
PAGE_ROWS = 1000
# Binary columns are hashes of secrets, sealed values and keys: none is exported. These names are as secret in other types.
_SECRET_NAME = re.compile(r"sealed|secret|password|passphrase|private_key|ciphertext|wrapped|recovery|_sha256$")
# Fingerprints of content, not of secrets.
_PLAIN = frozenset({("definitions_file", "sha256"), ("location_version", "manifest_sha256")})
# What is under way between us and agents: of no use elsewhere.
_LEFT_OUT = frozenset({"command", "audit_turn"})

_COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), coalesce(array_position(x.indkey::int2[], a.attnum), -1)
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_index x ON x.indrelid = c.oid AND x.indisprimary
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND EXISTS (SELECT FROM pg_attribute o WHERE o.attrelid = c.oid AND o.attname = 'org_id' AND NOT o.attisdropped)
ORDER BY c.relname, a.attnum
"""


@dataclass(frozen=True)
class Table:
    """A tenant table: the columns that are exported, and those of its primary key, in order."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


def export_lines(*, org_id: UUID, actor: Actor) -> Iterator[bytes]:
    """The organization, line by line, in pieces of one page. Recorded in the audit log before the first piece is made."""
    row = Organization.objects.defer("logo").get(id=org_id)
    record(
        org_id=org_id, actor=actor, action="organization.export", target=AuditTarget("organization", org_id, row.name)
    )
    return _pieces(org_id, row)


def tables() -> list[Table]:
    """Every tenant table that is exported, by name, without its secret columns."""
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS)
        found = cursor.fetchall()
    names = sorted({name for name, *_column in found} - _LEFT_OUT)
    return [_table(name, [column for column in found if column[0] == name]) for name in names]


def _table(name: str, found: list[tuple[str, str, str, int]]) -> Table:
    columns = [column for _table, column, kind, _place in found if not _is_secret(name, column, kind)]
    key = sorted((place, column) for _table, column, _kind, place in found if place >= 0)
    return Table(name, tuple(columns), tuple(column for _place, column in key))


def _is_secret(table: str, column: str, kind: str) -> bool:
    return kind == "bytea" or ((table, column) not in _PLAIN and bool(_SECRET_NAME.search(column)))


def _pieces(org_id: UUID, row: Organization) -> Iterator[bytes]:
    org = Org.of(row)
    facts: dict[str, object] = {
        "id": str(org.id),
        "slug": org.slug,
        "name": org.name,
        "created_at": row.created_at.isoformat(),
    }
    facts |= {"state": org.state, "session_hours": org.session_hours, "allowed_networks": list(org.allowed_networks)}
    yield _line("organization", json.dumps(facts))
    yield from _people(org_id)
    for table in tables():
        yield from _rows(org_id, table)


def _people(org_id: UUID) -> Iterator[bytes]:
    """Names and addresses of the members: accounts belong to people, and are in no table of the organization."""
    after = UUID(int=0)
    while True:
        with org_scope(org_id):
            members = Membership.objects.for_org(org_id).filter(user_id__gt=after).order_by("user_id")
            page = list(members.values_list("user_id", "user__email", "user__name")[:PAGE_ROWS])
        if not page:
            return
        after = page[-1][0]
        rows = (json.dumps({"id": str(user), "email": email, "name": name}) for user, email, name in page)
        yield b"".join(_line("person", text) for text in rows)


def _rows(org_id: UUID, table: Table) -> Iterator[bytes]:
    after: list[object] | None = None
    while page := _page(org_id, table, after):
        yield b"".join(_line(table.name, text) for text, *_key in page)
        after = list(page[-1][1:])


def _page(org_id: UUID, table: Table, after: list[object] | None) -> list[tuple[str, ...]]:
    key = sql.SQL(", ").join(map(sql.Identifier, table.key))
    beyond: sql.Composable = sql.SQL("")
    if after is not None:
        places = sql.SQL(", ").join(sql.Placeholder() * len(table.key))
        beyond = sql.SQL(" AND ({}) > ({})").format(key, places)
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    statement = sql.SQL(
        "SELECT row_to_json(part)::text, {of_whole} FROM (SELECT * FROM {table} WHERE org_id = %s{beyond} ORDER BY {key} LIMIT {limit}) whole, "
        "LATERAL (SELECT {columns}) part ORDER BY {of_whole}"
    ).format(
        key=key,
        of_whole=sql.SQL(", ").join(sql.Identifier("whole", name) for name in table.key),
        table=sql.Identifier(table.name),
        beyond=beyond,
        limit=sql.Literal(PAGE_ROWS),
        columns=columns,
    )
    with org_scope(org_id), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [org_id, *(after or ())])
        found: list[tuple[str, ...]] = cursor.fetchall()
        return found


def _line(table: str, row: str) -> bytes:
    return f'{{"table":"{table}","row":{row}}}\n'.encode()
