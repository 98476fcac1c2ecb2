"""Roles and database on a server of one's own: by function, by psql script, with and without a superuser."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from controlplane.embedded import binaries
from controlplane.embedded.binaries import find_postgres
from controlplane.embedded.postgres import EmbeddedPostgres
from controlplane.embedded.postgres_roles import create_database, create_roles_and_database, setup_script
from controlplane.embedded.postgres_urls import PostgresUrls, RolePasswords
from tests.embedded.programs import ROOT

PASSWORDS = RolePasswords(superuser="unused", owner="of owner", app="it's", door='do"or')


@pytest.fixture
def bare_server(open_folder: Path) -> Iterator[PostgresUrls]:
    """Without our roles and database, as a new server of one's own."""
    server = EmbeddedPostgres(open_folder / "postgres", settings={"fsync": "off"})
    urls = server.start()
    with psycopg.connect(urls.superuser, autocommit=True) as admin:
        admin.execute("DROP DATABASE daggerboard")
        for role in ("owner", "app", "door"):
            admin.execute(f"DROP ROLE daggerboard_{role}")
        admin.execute("CREATE ROLE plain_admin LOGIN CREATEROLE CREATEDB PASSWORD 'plain'")
    yield urls
    server.stop()


def rights(urls: PostgresUrls) -> dict[str, bool]:
    query = """SELECT has_schema_privilege('public', 'CREATE'), has_schema_privilege('public', 'USAGE'), rolsuper, rolbypassrls,
               rolcreaterole, rolcreatedb, rolinherit FROM pg_roles WHERE rolname = current_user"""
    names = ("create", "usage", "super", "bypassrls", "createrole", "createdb", "inherit")
    answers = {}
    for role in ("owner", "app", "door"):
        with psycopg.connect(getattr(urls, role)) as connection:
            row = connection.execute(query).fetchone()
        answers[role] = {name for name, value in zip(names, row or (), strict=True) if value}
    return answers


EXPECTED = {"owner": {"create", "usage"}, "app": {"usage"}, "door": {"usage"}}


def test_superuser_creates_them_and_may_repeat_it(bare_server: PostgresUrls) -> None:
    for _ in range(2):
        create_roles_and_database(bare_server.superuser, passwords=PASSWORDS)

    urls = PostgresUrls.of(host=bare_server.host, port=bare_server.port, passwords=PASSWORDS)
    assert rights(urls) == EXPECTED


def test_admin_without_superuser_rights_creates_them(bare_server: PostgresUrls) -> None:
    admin = f"postgresql://plain_admin:plain@{bare_server.host}:{bare_server.port}/postgres"

    create_roles_and_database(admin, passwords=PASSWORDS)

    urls = PostgresUrls.of(host=bare_server.host, port=bare_server.port, passwords=PASSWORDS)
    assert rights(urls) == EXPECTED


def test_printed_script_does_the_same(bare_server: PostgresUrls) -> None:
    program = [sys.executable, "-m", "controlplane.embedded.postgres_roles", bare_server.host, str(bare_server.port)]
    script = subprocess.run(program, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    settings = dict(line.removeprefix("-- ").split("=", 1) for line in script.splitlines() if line.startswith("-- "))
    found = find_postgres()
    assert found

    psql = [found.folder / "psql", "--no-psqlrc", "--set=ON_ERROR_STOP=1", bare_server.superuser]
    subprocess.run(psql, input=script, text=True, check=True, capture_output=True)

    with psycopg.connect(settings["DAGGERBOARD_DATABASE_URL"]) as app:
        assert app.execute("SELECT current_user, current_database()").fetchone() == ("daggerboard_app", "daggerboard")


def test_script_quotes_what_needs_it() -> None:
    script = setup_script(PASSWORDS)

    assert "PASSWORD 'it''s'" in script
    assert "PASSWORD 'do\"or'" in script


def test_another_database_for_the_same_roles(postgres: EmbeddedPostgres) -> None:
    urls = postgres.start()

    create_database(urls.superuser, name="other-one")

    assert rights(urls.for_database("other-one")) == EXPECTED


def test_system_binaries_are_the_fallback_and_stay_with_their_data(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not any(folder.is_dir() for folder in binaries.SYSTEM_POSTGRES.glob("1[5-9]/bin")):
        pytest.skip("no Postgres of the system is installed")
    versions = []
    for wheels in (False, True):
        if wheels:
            monkeypatch.undo()
        else:
            monkeypatch.setattr(binaries.importlib.util, "find_spec", lambda _package: None)
        server = EmbeddedPostgres(open_folder / "postgres")
        with psycopg.connect(server.start().app) as connection:
            versions.append(connection.info.server_version)
        server.stop()

    assert versions[0] == versions[1]
