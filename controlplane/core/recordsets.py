"""Many rows in one statement: a list of dicts travels as one JSON parameter and becomes a table inside Postgres.

COPY is refused under row-level security; `INSERT … SELECT FROM jsonb_to_recordset` is the fastest that is not.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg
from django.db import connections

Params = Sequence[Any] | Mapping[str, Any]

_encode = msgspec.json.Encoder(uuid_format="canonical").encode


def execute(sql: str, params: Params = (), *, using: str = "default") -> None:
    """Run one statement."""
    with connections[using].wrap_database_errors:
        # Not closed: that would wait for the answer, which a pipeline reads later.
        _cursor(using).execute(sql, params)  # type: ignore[arg-type, unused-ignore]  # SQL of this repository, never built from input


def execute_counting(sql: str, params: Params = (), *, using: str = "default") -> int:
    """Run one statement; returns the number of rows it touched. Not for pipelines."""
    with connections[using].wrap_database_errors, _cursor(using) as cursor:
        cursor.execute(sql, params)  # type: ignore[arg-type, unused-ignore]  # as above
        return int(cursor.rowcount)


@contextmanager
def pipelined(*, using: str = "default") -> Iterator[None]:
    """Send statements one behind the other without waiting for each; the first error is raised at the next `fetch`, or at the end."""
    connection = connections[using]
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def fetch(sql: str, params: Params = (), *, using: str = "default") -> list[tuple[Any, ...]]:
    """Run one statement and return its rows; jsonb arrives as text, as everywhere with Django."""
    with connections[using].wrap_database_errors, _cursor(using) as cursor:
        cursor.execute(sql, params)  # type: ignore[arg-type, unused-ignore]  # as above
        return cursor.fetchall()


# A NUL is legal in JSON and in Python, but in no text of Postgres. An odd backslash before it makes it one.
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_REPLACEMENT = rb"\1\\ufffd"


def rows(values: Sequence[Any]) -> str:
    """The JSON parameter for `jsonb_to_recordset(%s::jsonb)`. NaN and infinities become null, NUL becomes U+FFFD."""
    encoded = _encode(values)
    if b"\\u0000" in encoded:
        encoded = _NUL.sub(_REPLACEMENT, encoded)
    return encoded.decode()


def _cursor(using: str) -> psycopg.Cursor[Any]:
    """A cursor that sends parameters apart from the statement, so that megabytes are neither quoted nor parsed as SQL."""
    connection = connections[using]
    connection.ensure_connection()
    return psycopg.Cursor(connection.connection)
