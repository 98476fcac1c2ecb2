"""Folders for servers: reachable for every user, and gone afterwards whoever owns what is in them."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controlplane.embedded.postgres import EmbeddedPostgres
from controlplane.embedded.postgres_urls import PostgresUrls
from controlplane.embedded.redis import EmbeddedRedis


@contextmanager
def _open_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="daggerboard-embedded-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Unlike tmp_path, whose parents only their owner may enter."""
    with _open_folder() as folder:
        yield folder


@pytest.fixture
def postgres(open_folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(open_folder / "postgres", settings={"fsync": "off"})
    yield server
    server.stop()


@pytest.fixture
def redis_server(open_folder: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(open_folder / "redis")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def shared_urls() -> Iterator[PostgresUrls]:
    """For tests that change nothing."""
    with _open_folder() as folder:
        server = EmbeddedPostgres(folder / "postgres", settings={"fsync": "off"})
        yield server.start()
        server.stop()


@pytest.fixture
def small_disk(open_folder: Path) -> Iterator[Path]:
    disk = open_folder / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", disk], check=False, capture_output=True)
    if made.returncode != 0:
        pytest.skip("a small disk needs the right to mount one")
    yield disk
    subprocess.run(["umount", disk], check=True)
