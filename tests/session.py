"""The servers and databases of one test session: a migrated template once, a copy for each test process, real Redis, real files."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from controlplane.embedded.session_services import TestServices, session_folder, start_test_services

TEMPLATE = "daggerboard_template"
_FOLDER = "DAGGERBOARD_TEST_FOLDER"
_MIGRATE = "import django; django.setup(); from controlplane.core.migrating import migrate; migrate()"


def begin() -> TestServices:
    """Start the servers and make the template database; called once, by the process that owns the session."""
    folder = session_folder()
    os.environ[_FOLDER] = str(folder)
    services = start_test_services(folder)
    _create_database(services, TEMPLATE, template=None)
    subprocess.run(
        [sys.executable, "-c", _MIGRATE],
        env={**os.environ, **environment(services, TEMPLATE, redis_number=0)},
        check=True,
    )
    return services


def join(worker: str) -> TestServices:
    """Give this test process its own copy of the template, and point the settings at it."""
    services = start_test_services(Path(os.environ[_FOLDER]))
    database = f"daggerboard_{worker}"
    _create_database(services, database, template=TEMPLATE)
    number = int(worker.removeprefix("gw")) + 1 if worker.startswith("gw") else 0
    os.environ.update(environment(services, database, redis_number=number))
    return services


def environment(services: TestServices, database: str, *, redis_number: int) -> dict[str, str]:
    """The settings of a control plane that uses this database."""
    urls = services.postgres
    return {
        "DJANGO_SETTINGS_MODULE": "controlplane.config.settings",
        "DAGGERBOARD_SECRET_KEY": "tests",
        "DAGGERBOARD_MASTER_KEY": "dGVzdHMsIHRlc3RzLCB0ZXN0cyBhbmQgbW9yZSB0ZXM=",
        "DAGGERBOARD_PUBLIC_URL": "http://testserver",
        "DAGGERBOARD_DATABASE_URL": _on(urls.app, database),
        "DAGGERBOARD_DATABASE_DOOR_URL": _on(urls.door, database),
        "DAGGERBOARD_DATABASE_OWNER_URL": _on(urls.owner, database),
        "DAGGERBOARD_REDIS_URL": _on(services.redis, str(redis_number)),
        "DAGGERBOARD_OBJECT_STORE_URL": (services.folder / "objects" / database).as_uri(),
        "DAGGERBOARD_LOG_LEVEL": "WARNING",
        # Tests ask faster than people; what is limited is tested with quotas of its own.
        "DAGGERBOARD_QUOTA_API_REQUESTS_PER_MINUTE": "0",
    }


def borrowed_connections() -> int:
    """How many connections of the pools some thread still holds."""
    from django.db import connections

    stats = [connections[alias].pool.get_stats() for alias in ("default", "door")]
    return sum(known["pool_size"] - known["pool_available"] for known in stats)


def _on(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))


def _create_database(services: TestServices, name: str, *, template: str | None) -> None:
    statement = sql.SQL("CREATE DATABASE {} OWNER daggerboard_owner").format(sql.Identifier(name))
    if template:
        statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    with psycopg.connect(services.postgres.superuser, autocommit=True) as admin:
        admin.execute(statement)
