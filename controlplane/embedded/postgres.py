"""Our own launcher for Postgres: one server in one folder, on loopback, gone when its starter is."""

import json
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from controlplane.embedded.errors import (
    AlreadyRunningError,
    BrokenDataError,
    DiskFullError,
    EmbeddedError,
    PortInUseError,
    StartError,
)
from controlplane.embedded.files import write_private
from controlplane.embedded.placement import Placement, Placer
from controlplane.embedded.ports import LOOPBACK
from controlplane.embedded.postgres_data import binaries_for, configure, create_data, remove_stale_pid_file
from controlplane.embedded.postgres_diagnosis import diagnose, still_letting_go
from controlplane.embedded.postgres_urls import PostgresUrls, RolePasswords
from controlplane.embedded.processes import wait_until
from controlplane.embedded.run_as import RunAsKind
from controlplane.embedded.server import EmbeddedServer

# Replaying a gigabyte of WAL after a crash takes a small machine about this long.
START_SECONDS = 120.0
STOP_SECONDS = 30.0
# A new data directory and its first WAL need about 50 MB; a server that starts with less stops soon after.
LEAST_FREE_BYTES = 100 * 1024 * 1024
# Someone may take a chosen port between the choice and the start; a server just killed may still hold its memory.
ATTEMPTS = 5


class EmbeddedPostgres(EmbeddedServer[PostgresUrls]):
    """One Postgres server with the roles of Daggerboard. Stopping is a fast shutdown: sessions end, everything committed is on disk."""

    name = "Postgres"
    gently = signal.SIGINT
    patience = STOP_SECONDS

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        run_as: RunAsKind | None = None,
        may_open: Path | None = None,
        settings: Mapping[str, str] | None = None,
        owner_creates_databases: bool = False,
        death_signal: signal.Signals = signal.SIGINT,
        notice: Callable[[str], None] = lambda _line: None,
    ) -> None:
        """`death_signal` is what the server gets when the thread that started it ends: SIGINT is its fast shutdown.

        `may_open` is the private folder around this one that others may be let through when root starts it as nobody.
        """
        super().__init__(home, port=port, death_signal=death_signal, notice=notice)
        self._only = run_as
        self._may_open = may_open
        self._settings = settings or {}
        self._owner_creates_databases = owner_creates_databases

    def _start(self) -> PostgresUrls:
        self._check_space()
        passwords = self._passwords()
        placement = self._placement()
        data = placement.folder / "data"
        if not data.exists():
            create_data(data, binaries=placement.binaries, run_as=placement.run_as, password=passwords.superuser)
            self._home.remember(roles="")
        elif other := remove_stale_pid_file(data):
            raise AlreadyRunningError(what=self.name, folder=data, pid=other)
        self._port = self._launch(placement, data)
        urls = PostgresUrls.of(host=LOOPBACK, port=self._port, passwords=passwords)
        self._ensure_roles(urls, passwords)
        return urls

    def _check_space(self) -> None:
        if shutil.disk_usage(self._home.path).free < LEAST_FREE_BYTES:
            raise DiskFullError(service=self.name, folder=self._home.path)

    def _placement(self) -> Placement:
        folder = self._home.path / "server"
        binaries = binaries_for(folder / "data")
        placer = Placer(folder=folder, binaries=binaries, may_open=self._may_open, notice=self._notice)
        return placer.place(only=self._only)

    def _launch(self, placement: Placement, data: Path) -> int:
        """Starts the server, with another port or another try where that can help. Returns its port."""
        for attempt in range(1, ATTEMPTS + 1):
            port = self._home.choose_port(self._port)
            configure(data, binaries=placement.binaries, run_as=placement.run_as, port=port, extra=self._settings)
            problem = self._launch_once(placement, data, port)
            if problem is None:
                return port
            again = isinstance(problem, PortInUseError) and not self._port
            if attempt == ATTEMPTS or not (again or still_letting_go(self._home.log_since_start())):
                raise problem
            time.sleep(0.2 * attempt)
        raise AssertionError  # the last attempt returned or raised

    def _launch_once(self, placement: Placement, data: Path, port: int) -> EmbeddedError | None:
        command = [str(placement.binaries.postgres), "-D", str(data)]
        self._home.spawn(command, run_as=placement.run_as, death_signal=self._death_signal)
        if wait_until(lambda: _accepts(data) or not self.running(), seconds=START_SECONDS) and self.running():
            return None
        if not self.running():
            return diagnose(self._home.log_since_start(), data=data, log_file=self.log, port=port)
        self._home.stop(gently=signal.SIGQUIT, seconds=5)
        return StartError(
            what="Postgres did not start",
            why=f"it was not ready after {START_SECONDS:.0f} s",
            remedy=f"See {self.log}.",
        )

    def _passwords(self) -> RolePasswords:
        path = self._home.path / "passwords.json"
        if not path.exists():
            write_private(path, json.dumps(RolePasswords.random().as_dict()))
        try:
            return RolePasswords(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise BrokenDataError(
                what=f"Postgres's passwords in {path} cannot be read",
                why=str(error),
                remedy="Restore that file, or move its whole folder away to begin with an empty database.",
            ) from error

    def _ensure_roles(self, urls: PostgresUrls, passwords: RolePasswords) -> None:
        done = f"1{'+createdb' if self._owner_creates_databases else ''}"
        if self._home.remembered().get("roles") != done:
            # Imported late: psycopg costs a fifth of a second and only the first start needs it.
            from controlplane.embedded.postgres_roles import create_roles_and_database

            create_roles_and_database(
                urls.superuser, passwords=passwords, owner_creates_databases=self._owner_creates_databases
            )
            self._home.remember(roles=done)


def _accepts(data: Path) -> bool:
    """The server writes its state into the eighth line of its pid file."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"
