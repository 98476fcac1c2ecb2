"""Our own launcher for Valkey, which speaks Redis: one server in one folder, on loopback, with a password."""

import secrets
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from controlplane.embedded.binaries import find_valkey
from controlplane.embedded.errors import DiskFullError, EmbeddedError, FolderAccessError, PortInUseError, StartError
from controlplane.embedded.files import private_folder, write_private
from controlplane.embedded.ports import LOOPBACK
from controlplane.embedded.processes import wait_until
from controlplane.embedded.run_as import RunAs, RunAsKind
from controlplane.embedded.server import EmbeddedServer

START_SECONDS = 120.0
STOP_SECONDS = 10.0
# Someone may take a chosen port between the choice and the start.
ATTEMPTS = 5
_BROKEN = (
    "Bad file format reading the append only file",
    "AOF loading",
    "Unrecoverable error",
    "Error reading the RDB",
)

CONFIGURATION = """\
# Written by Daggerboard at every start.
bind {host}
port {port}
requirepass {password}
dir {data}
protected-mode yes
daemonize no
appendonly {append_only}
appendfsync everysec
save ""
maxmemory-policy noeviction
"""


class EmbeddedRedis(EmbeddedServer[str]):
    """One Valkey server."""

    name = "Redis"
    gently = signal.SIGTERM
    patience = STOP_SECONDS

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        append_only: bool = True,
        death_signal: signal.Signals = signal.SIGTERM,
        notice: Callable[[str], None] = lambda _line: None,
    ) -> None:
        super().__init__(home, port=port, death_signal=death_signal, notice=notice)
        self._append_only = append_only

    def _start(self) -> str:
        password = self._password()
        data = private_folder(self._home.path / "data")
        self._port = self._launch(data, password)
        return f"redis://:{password}@{LOOPBACK}:{self._port}/0"

    def _launch(self, data: Path, password: str) -> int:
        for attempt in range(1, ATTEMPTS + 1):
            port = self._home.choose_port(self._port)
            problem = self._launch_once(data, port, password)
            if problem is None:
                return port
            if attempt == ATTEMPTS or not self._can_retry(problem, data):
                raise problem
        raise AssertionError  # the last attempt returned or raised

    def _can_retry(self, problem: EmbeddedError, data: Path) -> bool:
        if isinstance(problem, PortInUseError):
            return self._port is None
        if any(words in self._home.log_since_start() for words in _BROKEN):
            self._start_cold(data)
            return True
        return False

    def _start_cold(self, data: Path) -> None:
        """Redis holds nothing that Postgres does not, so broken data is put aside instead of being in the way."""
        aside = data.with_name(f"data.broken-{int(time.time())}")
        data.rename(aside)
        private_folder(data)
        self._notice(f"Redis could not read its data and starts empty (nothing is lost); the old files are in {aside}.")

    def _launch_once(self, data: Path, port: int, password: str) -> EmbeddedError | None:
        configuration = self._home.path / "valkey.conf"
        write_private(configuration, self._configuration(data, port, password))
        itself = RunAs.itself()
        if itself.kind is RunAsKind.SELF and not itself.reaches(binary=find_valkey(), folder=data):
            return _no_access(data)
        self._home.spawn([find_valkey(), configuration], run_as=itself, death_signal=self._death_signal)
        if wait_until(lambda: _answers(port, password) or not self.running(), seconds=START_SECONDS) and self.running():
            return None
        problem = self._diagnose(port)
        self._home.stop(gently=signal.SIGKILL, seconds=0)
        return problem

    def _configuration(self, data: Path, port: int, password: str) -> str:
        append_only = "yes" if self._append_only else "no"
        return CONFIGURATION.format(host=LOOPBACK, port=port, password=password, data=data, append_only=append_only)

    def _diagnose(self, port: int) -> EmbeddedError:
        log = self._home.log_since_start()
        if "No space left on device" in log:
            return DiskFullError(service=self.name, folder=self._home.path)
        if "Address already in use" in log or "Failed listening on port" in log:
            return PortInUseError(service=self.name, port=port)
        ended = f"it was not ready after {START_SECONDS:.0f} s" if self.running() else "it ended"
        last = (log.strip().splitlines() or [""])[-1]
        return StartError(what="Redis did not start", why=f"{ended}: {last}", remedy=f"See {self.log}.")

    def _password(self) -> str:
        path = self._home.path / "password"
        if not path.exists():
            write_private(path, secrets.token_urlsafe(24))
        return path.read_text(encoding="utf-8").strip()


def _no_access(data: Path) -> FolderAccessError:
    return FolderAccessError(
        what=f"Redis cannot write to {data}",
        why="the folder belongs to another user",
        remedy="Start as the user who owns it, or set DAGGERBOARD_HOME to a folder of your own.",
    )


def _answers(port: int, password: str) -> bool:
    """Whether it takes the password and says PONG; while it loads its data it says LOADING instead."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2 and (chunk := connection.recv(256)):
                answer += chunk
    except OSError:
        return False
    return answer == b"+OK\r\n+PONG\r\n"
