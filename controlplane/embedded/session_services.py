"""One Postgres and one Redis for a test session: shared by its processes, gone with it, even after kill -9."""

import fcntl
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from controlplane.embedded.files import private_folder, write_private
from controlplane.embedded.postgres import EmbeddedPostgres
from controlplane.embedded.postgres_roles import create_database
from controlplane.embedded.postgres_urls import PostgresUrls
from controlplane.embedded.processes import ProcessMark, recorded_process, stop_process
from controlplane.embedded.redis import EmbeddedRedis

# Speed before safety: nobody needs this data after a crash. More connections: several test processes share one server.
TEST_SETTINGS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_connections": "200"}


@dataclass(frozen=True)
class TestServices:
    """Where the session's servers are. `stop` ends them when this process started them, and does nothing otherwise."""

    __test__ = False  # not a test case, whatever pytest thinks of the name

    postgres: PostgresUrls
    redis: str
    folder: Path
    stop: Callable[[], None]

    def database(self, name: str) -> PostgresUrls:
        """Another database on the same server, with the same roles: one per test process. Kept when it exists."""
        create_database(self.postgres.superuser, name=name)
        return self.postgres.for_database(name)

    def environment(self) -> dict[str, str]:
        """As the settings expect them."""
        return {**self.postgres.environment(), "DAGGERBOARD_REDIS_URL": self.redis}


def session_folder() -> Path:
    """A new folder for this session; folders of sessions that died without cleaning up are removed."""
    ground = private_folder(Path(tempfile.gettempdir(), f"daggerboard-tests-{os.geteuid()}"))
    with _alone_in(ground):
        for old in ground.glob("session-*"):
            if not _owner(old).alive():
                _remove(old)
        folder = Path(tempfile.mkdtemp(prefix="session-", dir=ground))
        _write_owner(folder)
    return folder


def _remove(old: Path) -> None:
    # Their owner's death has ended the servers already, except where the kernel does not tell them of it.
    for server in ("postgres", "redis"):
        if mark := recorded_process(old / server / "process.json"):
            stop_process(mark, gently=signal.SIGQUIT, seconds=5)
    shutil.rmtree(old, ignore_errors=True)


def start_test_services(folder: Path) -> TestServices:
    """Start both, or join those that a living process started in the same folder.

    The servers belong to the process that calls first, and end with it. Under pytest-xdist call it in the controller
    first (its workers inherit the folder's name through the environment); they join, and the controller outlives them.
    Call it from the main thread: the kernel counts the end of the starting thread as the end of the owner.
    """
    private_folder(folder)
    with _alone_in(folder):
        known = _known(folder)
        return known or _start(folder)


def _start(folder: Path) -> TestServices:
    postgres = EmbeddedPostgres(
        folder / "postgres", settings=TEST_SETTINGS, owner_creates_databases=True, death_signal=signal.SIGQUIT
    )
    redis = EmbeddedRedis(folder / "redis", append_only=False, death_signal=signal.SIGKILL)

    def stop() -> None:
        redis.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)

    try:
        urls, redis_url = postgres.start(), redis.start()
    except BaseException:
        stop()
        raise
    _write_owner(folder)
    write_private(folder / "urls.json", json.dumps({"postgres": asdict(urls), "redis": redis_url}))
    return TestServices(urls, redis_url, folder, stop)


def _known(folder: Path) -> TestServices | None:
    if not (folder / "urls.json").exists() or not _owner(folder).alive():
        return None
    urls = json.loads((folder / "urls.json").read_text(encoding="utf-8"))
    return TestServices(PostgresUrls(**urls["postgres"]), urls["redis"], folder, lambda: None)


def _write_owner(folder: Path) -> None:
    write_private(folder / "owner.json", json.dumps(asdict(ProcessMark.of(os.getpid()))))


def _owner(folder: Path) -> ProcessMark:
    try:
        return ProcessMark(**json.loads((folder / "owner.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return ProcessMark(pid=0, started="")


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    with (folder / "starting.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
