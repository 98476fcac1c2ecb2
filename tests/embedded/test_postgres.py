"""The embedded Postgres: starts, comes back with its data, and says in one line why it cannot."""

import os
import signal
import socket
import stat
from pathlib import Path

import psycopg
import pytest

from controlplane.embedded.errors import AlreadyRunningError, PortInUseError
from controlplane.embedded.postgres import EmbeddedPostgres
from controlplane.embedded.postgres_urls import PostgresUrls
from controlplane.embedded.processes import wait_until
from tests.embedded.programs import Program, gone, program

START_AND_WAIT = """
from pathlib import Path
from controlplane.embedded.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
urls = server.start()
say({"owner": urls.owner, "pid": server.pid})
sys.stdin.read()
"""


def write_row(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (value text)")
        connection.execute("INSERT INTO kept VALUES ('safe')")


def read_row(url: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT value FROM kept").fetchone()
    assert row
    return str(row[0])


def end(starter: Program, server_pid: int) -> None:
    starter.kill()
    assert wait_until(lambda: gone(server_pid), seconds=100)


def test_first_start_makes_three_roles_in_one_database(postgres: EmbeddedPostgres) -> None:
    urls = postgres.start()

    for url, role in ((urls.owner, "owner"), (urls.app, "app"), (urls.door, "door")):
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT current_user, current_database()").fetchone()
        assert row == (f"daggerboard_{role}", "daggerboard")


@pytest.mark.parametrize("role", ["app", "door"])
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE TEMP TABLE mine (id int)",
        "CREATE DATABASE mine",
        "CREATE ROLE mine",
        "SET ROLE daggerboard_owner",
        "ALTER ROLE CURRENT_USER BYPASSRLS",
        "COPY (SELECT 1) TO PROGRAM 'true'",
    ],
)
def test_app_and_door_may_not_define_anything(shared_urls: PostgresUrls, role: str, statement: str) -> None:
    with (
        psycopg.connect(getattr(shared_urls, role), autocommit=True) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


def test_owner_makes_tables_that_app_sees_only_when_granted(postgres: EmbeddedPostgres) -> None:
    urls = postgres.start()
    write_row(urls.owner)

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        read_row(urls.app)
    with psycopg.connect(urls.owner) as owner:
        owner.execute("GRANT SELECT ON kept TO daggerboard_app")
    assert read_row(urls.app) == "safe"


def test_wrong_password_is_refused(postgres: EmbeddedPostgres) -> None:
    urls = postgres.start()

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(urls.superuser, password="wrong")


def test_passwords_are_for_the_owner_of_the_folder_only(postgres: EmbeddedPostgres, open_folder: Path) -> None:
    urls = postgres.start()

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (open_folder / "postgres").glob("*.json")}
    assert modes == {"passwords.json": 0o600, "memory.json": 0o600, "process.json": 0o600}
    assert urls.app not in repr(urls)
    assert not (open_folder / "postgres/server/first-password").exists()


def test_restart_keeps_port_passwords_and_data(postgres: EmbeddedPostgres, open_folder: Path) -> None:
    first = postgres.start()
    write_row(first.owner)
    postgres.stop()

    again = EmbeddedPostgres(open_folder / "postgres")
    second = again.start()

    assert second == first
    assert read_row(second.owner) == "safe"
    again.stop()


def test_data_survives_kill_9_of_the_server(open_folder: Path) -> None:
    server = EmbeddedPostgres(open_folder / "postgres")
    urls = server.start()
    write_row(urls.owner)
    assert server.pid

    os.kill(server.pid, signal.SIGKILL)
    assert wait_until(lambda: not server.running(), seconds=100)
    server.restart()

    assert read_row(urls.owner) == "safe"
    server.stop()


def test_kill_9_of_the_starter_ends_the_server_and_keeps_the_data(open_folder: Path) -> None:
    with program(START_AND_WAIT, open_folder / "postgres") as starter:
        said = starter.hear()
        write_row(said["owner"])
        end(starter, said["pid"])

    server = EmbeddedPostgres(open_folder / "postgres")
    assert read_row(server.start().owner) == "safe"
    server.stop()


def test_leftover_of_a_killed_starter_is_stopped(open_folder: Path) -> None:
    source = START_AND_WAIT.replace('"))', '"), death_signal=0)').replace("[1]))", "[1]), death_signal=0)")
    notices: list[str] = []
    with program(source, open_folder / "postgres") as starter:
        said = starter.hear()
        write_row(said["owner"])
        starter.kill()
    assert not gone(said["pid"])

    server = EmbeddedPostgres(open_folder / "postgres", notice=notices.append)
    urls = server.start()

    assert gone(said["pid"])
    assert notices == ["Stopped the Postgres of an earlier start that was killed."]
    assert read_row(urls.owner) == "safe"
    server.stop()


def test_stale_pid_file_that_names_a_living_process_is_ignored(open_folder: Path, postgres: EmbeddedPostgres) -> None:
    postgres.start()
    postgres.stop()
    pid_file = open_folder / "postgres/server/data/postmaster.pid"

    with program("say(1)\nsys.stdin.read()") as bystander:
        bystander.hear()
        pid_file.write_text(f"{bystander.pid}\n{pid_file.parent}\n1700000000\n5432\n\n127.0.0.1\n\nready   \n")
        postgres.start()
        assert bystander.process.poll() is None


def test_second_start_on_the_same_folder_names_the_first(open_folder: Path) -> None:
    with program(START_AND_WAIT, open_folder / "postgres") as other:
        said = other.hear()

        with pytest.raises(AlreadyRunningError) as refusal:
            EmbeddedPostgres(open_folder / "postgres").start()

        assert str(refusal.value) == (
            f"Postgres is already running: process {other.pid} uses {open_folder}/postgres. "
            f"Stop it (kill {other.pid}), or use another DAGGERBOARD_HOME."
        )
        assert not gone(said["pid"])
        end(other, said["pid"])


def test_foreign_server_on_the_data_directory_is_left_alone(open_folder: Path) -> None:
    with program(START_AND_WAIT, open_folder / "postgres") as other:
        said = other.hear()
        (open_folder / "postgres/lock").unlink()
        (open_folder / "postgres/process.json").unlink()

        with pytest.raises(AlreadyRunningError, match=f"process {said['pid']} uses"):
            EmbeddedPostgres(open_folder / "postgres").start()

        assert not gone(said["pid"])
        end(other, said["pid"])


def test_fixed_port_in_use_is_one_clear_line(open_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(PortInUseError) as refusal:
            EmbeddedPostgres(open_folder / "postgres", port=port).start()

    assert str(refusal.value) == (
        f"Postgres cannot listen on 127.0.0.1:{port}: another program uses that port. "
        "Stop that program, or choose another port."
    )


def test_remembered_port_in_use_gives_way_to_another(open_folder: Path, postgres: EmbeddedPostgres) -> None:
    urls = postgres.start()
    postgres.stop()

    with socket.create_server(("127.0.0.1", urls.port)):
        again = EmbeddedPostgres(open_folder / "postgres")
        assert again.start().port != urls.port
        again.stop()
