"""A migrated database of one's own, seen through each role, and rows of any table in it."""

import datetime
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from controlplane.embedded.session_services import start_test_services
from tests.session import TEMPLATE

_VALUES: dict[str, Any] = {
    "uuid": UUID("01900000-0000-7000-8000-000000000001"),
    "text": "x",
    "character varying": "x",
    "bigint": 1,
    "integer": 1,
    "smallint": 1,
    "double precision": 1.0,
    "boolean": True,
    "jsonb": Jsonb({}),
    "bytea": b"x",
    "ARRAY": ["x"],
    "timestamp with time zone": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
}


class Scratch:
    """A copy of the migrated template, on the test session's server."""

    def __init__(self) -> None:
        self.name = f"scratch_{uuid4().hex}"
        self._urls = start_test_services(Path(os.environ["DAGGERBOARD_TEST_FOLDER"])).postgres

    def create(self) -> None:
        statement = sql.SQL("CREATE DATABASE {} OWNER daggerboard_owner TEMPLATE {}")
        self._on_server(statement.format(sql.Identifier(self.name), sql.Identifier(TEMPLATE)))

    def drop(self) -> None:
        self._on_server(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name)))

    def _on_server(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._urls.superuser, autocommit=True) as connection:
            connection.execute(statement)

    def connect(self, role: str, *, org: UUID | None = None) -> Any:
        """An autocommitting connection as `superuser`, `owner`, `app` or `door`, with an organization announced for good."""
        connection = psycopg.connect(getattr(self._urls, role), dbname=self.name, autocommit=True)
        if org is not None:
            connection.execute("SELECT set_config('app.org', %s, false)", [str(org)])
        return connection

    def as_app(self, statement: str, *, org: UUID | None = None) -> list[Any]:
        """Run one statement as the application role; its rows, or how many it changed."""
        with self.connect("app", org=org) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else [cursor.rowcount]

    @contextmanager
    def changed(self, change: str, back: str) -> Any:
        """The database with its schema changed by the owner, for a while."""
        with self.connect("owner") as owner:
            owner.execute(change)
            try:
                yield
            finally:
                owner.execute(back)

    def plant(self, table: str, org: UUID) -> None:
        """Put one row of an organization into a table, whatever the table wants."""
        with self.connect("superuser") as connection:
            connection.execute("SET session_replication_role = replica")  # without its parents
            row = _row_for(connection, table) | {"org_id": org}
            names = sql.SQL(", ").join(map(sql.Identifier, row))
            places = sql.SQL(", ").join(sql.Placeholder() * len(row))
            connection.execute(
                sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(sql.Identifier(table), names, places), [*row.values()]
            )


def _row_for(connection: Any, table: str) -> dict[str, Any]:
    columns = connection.execute(
        """SELECT column_name, data_type FROM information_schema.columns
           WHERE table_name = %s AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'""",
        [table],
    )
    # Text is distinct, so that unique constraints over several planted rows hold.
    row = {name: uuid4() if kind == "uuid" else _VALUES[kind] for name, kind in columns.fetchall()}
    return row | {name: make() for name, make in _CHECKED.get(table, {}).items()}


# What check constraints want.
_CHECKED = {
    "access_grant": {
        "user_id": uuid4,
        "effect": lambda: "allow",
        "role": lambda: "viewer",
        "scope": lambda: "organization",
    }
}


TENANT_TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1
"""
