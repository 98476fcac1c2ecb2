"""What Postgres says about data directories that it cannot use, and about a disk without space."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from controlplane.embedded import binaries
from controlplane.embedded.errors import (
    BinariesMissingError,
    BrokenDataError,
    DataVersionError,
    DiskFullError,
    EmbeddedError,
    FolderAccessError,
)
from controlplane.embedded.postgres import EmbeddedPostgres
from controlplane.embedded.postgres_diagnosis import diagnose

Damage = Callable[[Path], object]


@pytest.fixture(scope="module")
def sound_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("sound") / "postgres"
    server = EmbeddedPostgres(home, settings={"fsync": "off"})
    server.start()
    server.stop()
    return home


@pytest.fixture
def home(sound_home: Path, open_folder: Path) -> Path:
    """A stopped server's folder, free to be damaged."""
    return Path(shutil.copytree(sound_home, open_folder / "postgres", symlinks=True))


def failure(home: Path) -> EmbeddedError:
    with pytest.raises(EmbeddedError) as refusal:
        EmbeddedPostgres(home).start()
    assert "\n" not in str(refusal.value)
    return refusal.value


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (
            lambda data: (data / "PG_VERSION").unlink(),
            "it has no file PG_VERSION, so it is not a Postgres data directory",
        ),
        (lambda data: (data / "PG_VERSION").write_text("?\n"), "its file PG_VERSION says '?' instead of a version"),
        (lambda data: (data / "global/pg_control").write_bytes(b"x" * 8192), "database files are incompatible"),
        (lambda data: (data / "global/pg_control").unlink(), "could not open file"),
        (lambda data: shutil.rmtree(data / "pg_wal"), "pg_wal"),
        (lambda data: shutil.rmtree(data / "global"), "could not open file"),
        (lambda data: [path.unlink() for path in (data / "pg_wal").glob("0*")], "checkpoint"),
    ],
)
def test_broken_data_directory_is_one_clear_line(home: Path, damage: Damage, why: str) -> None:
    damage(home / "server/data")

    error = failure(home)

    assert type(error) is BrokenDataError
    assert str(error).startswith(f"Postgres cannot use its data directory {home}/server/data: ")
    assert why in error.why
    assert str(error).endswith("Restore it from a backup, or move it away to begin with an empty database.")


@pytest.mark.parametrize("major", [9, 99])
def test_data_of_another_major_version_is_one_clear_line(home: Path, major: int) -> None:
    (home / "server/data/PG_VERSION").write_text(f"{major}\n")

    error = failure(home)

    assert type(error) is DataVersionError
    assert f"Postgres {major} wrote it, and another major version cannot read that" in str(error)


def test_broken_passwords_file_is_one_clear_line(home: Path) -> None:
    (home / "passwords.json").write_text('{"superuser": ')

    assert type(failure(home)) is BrokenDataError


def test_half_made_data_directory_is_made_again(home: Path) -> None:
    (home / "server/data").rename(home / "server/data.new")
    (home / "server/data.new/PG_VERSION").unlink()

    server = EmbeddedPostgres(home)
    server.start()

    assert server.running()
    assert not (home / "server/data.new").exists()
    server.stop()


def test_folder_of_another_user_is_one_clear_line(open_folder: Path) -> None:
    (open_folder / "postgres").write_text("a file where the folder belongs")

    assert type(failure(open_folder / "postgres")) is FolderAccessError


def test_no_binaries_is_one_clear_line(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "SYSTEM_POSTGRES", open_folder)
    monkeypatch.setattr(binaries.importlib.util, "find_spec", lambda _package: None)

    assert type(failure(open_folder / "postgres")) is BinariesMissingError


def fill(disk: Path, *, leave: int) -> None:
    free = shutil.disk_usage(disk).free
    (disk / "filler").write_bytes(b"\0" * (free - leave))


def test_disk_without_space_is_refused_before_anything_is_made(small_disk: Path) -> None:
    fill(small_disk, leave=20 * 1024 * 1024)

    error = failure(small_disk / "postgres")

    assert type(error) is DiskFullError
    assert str(error).startswith(f"Postgres cannot write to {small_disk}/postgres: no space is left on that disk. Free")
    assert not (small_disk / "postgres/server").exists()


@pytest.mark.parametrize(
    ("log", "kind"),
    [
        ('FATAL:  could not write to file "pg_wal/xlogtemp.9": No space left on device', "DiskFullError"),
        ('LOG:  could not bind IPv4 address "127.0.0.1": Address already in use\nFATAL:  no sockets', "PortInUseError"),
        ('FATAL:  data directory "/x" has wrong ownership', "FolderAccessError"),
        ("FATAL:  something nobody has seen before", "StartError"),
    ],
)
def test_words_of_the_log_become_typed_errors(log: str, kind: str) -> None:
    error = diagnose(f"2026-11-20 10:00:00.000 UTC [9] {log}\n", data=Path("/x"), log_file=Path("/x.log"), port=1)

    assert type(error).__name__ == kind


def test_server_that_fills_the_disk_while_it_starts_says_so(small_disk: Path) -> None:
    server = EmbeddedPostgres(small_disk / "postgres")
    server.start()
    assert server.pid
    os.kill(server.pid, 9)
    fill(small_disk, leave=0)

    assert type(failure_of(server)) is DiskFullError


def failure_of(server: EmbeddedPostgres) -> EmbeddedError:
    with pytest.raises(EmbeddedError) as refusal:
        server.restart()
    return refusal.value
