"""Starting code workers: the command line, the environment they see, their control channel. One object per process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from agent.executors import CodeNotLoadedError
from agent.isolation import needed
from agent.processes import Exit, Reaper, send_signal, start_ticks
from agent.virtualenv import activated
from agent.worker_link import WorkerLink

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.environment import Environment
    from agent.protocol import DesiredLocation

# A worker's own output (not that of steps) is kept for people; an old one is thrown away at the next start.
WORKER_LOG_LIMIT = 10 * 1024 * 1024
# Seconds a worker has to leave after its channel was closed.
LEAVE_PATIENCE = 5.0


@dataclass(frozen=True)
class Command:
    """How a worker process of a location is started; `arguments` say what it serves, not how (`--mode`) or over which descriptor."""

    executable: str
    arguments: list[str]
    folder: Path
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class WorkerSettings:
    """What all code workers of an agent share."""

    socket_path: Path
    worker_path: Path
    inherited_env: Mapping[str, str]
    working_directory: Path
    storage_path: Path
    # Seconds that a worker waits for the agent's next process.
    worker_patience: float = 0.0


class WorkerProcess:
    """One code worker that serves one version of a location."""

    def __init__(
        self,
        *,
        pid: int,
        ticks: int,
        popen: subprocess.Popen[bytes] | None,
        link: WorkerLink,
        control: socket.socket,
        reaper: Reaper,
        environment: Environment,
        wanted: str | None,
    ) -> None:
        self.pid = pid
        self.environment = environment
        # The fingerprint it was loaded for; what was answered may have been newer.
        self.environment_wanted = wanted
        self.link = link
        self.mode = "unknown"
        self.mode_reason: str | None = None
        self.gone = asyncio.Event()
        # None for one that an earlier process of this agent started.
        self._popen = popen
        self._ticks = ticks
        self._reaper = reaper
        self._control = control

    @property
    def identity(self) -> tuple[int, int]:
        """Answer pid and start time."""
        return self.pid, self._ticks

    async def run(self) -> Exit:
        """Serve the channel until the worker is gone."""
        await self.link.serve(self._control)
        ended = asyncio.create_task(self._reaper.wait(self.pid, self._ticks))
        await asyncio.wait({ended}, timeout=LEAVE_PATIENCE)
        send_signal(self.pid, self._ticks, signal.SIGKILL, group=False)
        ended_as = await ended
        self.gone.set()
        if self._popen is not None:
            self._popen.returncode = ended_as.exit_code or 0  # collected by the reaper: Popen must not look for it
        return ended_as

    async def leave(self) -> None:
        """Let the worker go once its children have ended, for it is the one that sees their exit codes."""
        await self.link.idle.wait()
        await self.link.stop()

    def kill(self) -> None:
        send_signal(self.pid, self._ticks, signal.SIGKILL, group=False)


def serving_command(location: DesiredLocation, environment: Environment, settings: WorkerSettings) -> Command:
    """Answer how to start the worker of a location; raise CodeNotLoadedError when its folder is not there."""
    return _command("serve", location, environment, settings)


def spawn_worker(
    command: Command,
    *,
    location: DesiredLocation,
    environment: Environment,
    mode: str | None,
    log_path: Path,
    reaper: Reaper,
) -> WorkerProcess:
    """Start a worker with a control channel."""
    ours, theirs = socket.socketpair()
    with theirs:
        os.set_inheritable(theirs.fileno(), True)
        arguments = ["--control-fd", str(theirs.fileno()), *(["--mode", mode] if mode else [])]
        try:
            popen = _spawn(command, arguments=arguments, log_path=log_path, keep=theirs.fileno())
        except CodeNotLoadedError:
            ours.close()
            raise
    ours.setblocking(False)
    return WorkerProcess(
        pid=popen.pid,
        ticks=start_ticks(popen.pid) or 0,
        popen=popen,
        link=WorkerLink(),
        control=ours,
        reaper=reaper,
        environment=environment,
        wanted=location.environment,
    )


def spawn_cold(
    *,
    location: DesiredLocation,
    environment: Environment,
    attempt_folder: Path,
    env: Mapping[str, str],
    settings: WorkerSettings,
) -> subprocess.Popen[bytes]:
    """Start a process that runs one attempt only."""
    command = _command("run", location, environment, settings)
    arguments = ["--attempt-dir", str(attempt_folder)]
    return _spawn(command, arguments=arguments, log_path=attempt_folder / "process.log", env=env)


def _command(kind: str, location: DesiredLocation, environment: Environment, settings: WorkerSettings) -> Command:
    executable = location.target.executable_path or sys.executable
    folder = Path(location.target.working_directory or settings.working_directory)
    if not folder.is_dir():
        raise CodeNotLoadedError(f"The working directory {folder} does not exist on this agent's machine.")
    env = activated(worker_env(location, environment, settings), executable)
    return Command(executable, [kind, *_common_arguments(location, settings)], folder, env)


def _spawn(
    command: Command,
    *,
    arguments: list[str],
    log_path: Path,
    env: Mapping[str, str] | None = None,
    keep: int | None = None,
) -> subprocess.Popen[bytes]:
    with _worker_log(log_path) as output:
        try:
            return subprocess.Popen(
                [command.executable, "-m", "daggerboard_worker", *command.arguments, *arguments],
                cwd=command.folder,
                env={**command.environment, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=() if keep is None else (keep,),
                # Not in our group: what ends the agent, a Ctrl-C for example, must not end runs.
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise CodeNotLoadedError(
                f"The Python of this location, {command.executable}, could not be started: {error}"
            ) from error


def worker_env(location: DesiredLocation, environment: Environment, settings: WorkerSettings) -> dict[str, str]:
    """Answer the agent's environment without anything of the agent's own, then the location's variables, which win."""
    inherited = settings.inherited_env
    if location.isolated:
        inherited = needed(inherited, home=_storage(location, settings) / "home")
    env = {**inherited, **location.env, **environment.values}
    # A variable of the location's own adds to where its code is, it does not take its place.
    paths = [str(settings.worker_path), location.env.get("PYTHONPATH", ""), env.get("PYTHONPATH", "")]
    return {**env, "PYTHONPATH": os.pathsep.join(dict.fromkeys(filter(None, paths)))}


def _common_arguments(location: DesiredLocation, settings: WorkerSettings) -> list[str]:
    return [
        "--socket",
        str(settings.socket_path),
        "--location",
        msgspec.json.encode(_location(location, settings)).decode(),
        "--storage",
        str(_storage(location, settings)),
    ]


def _storage(location: DesiredLocation, settings: WorkerSettings) -> Path:
    return settings.storage_path / quote(location.deployment, safe="") / quote(location.name, safe="")


def _location(location: DesiredLocation, settings: WorkerSettings) -> dict[str, Any]:
    target = {key: value for key, value in msgspec.to_builtins(location.target).items() if value is not None}
    target.pop("executable_path", None)
    return {"working_directory": str(settings.working_directory), **target, "name": location.name}


@contextlib.contextmanager
def _worker_log(path: Path) -> Iterator[IO[bytes] | int]:
    """Open a file for a worker's own output; without room for one the output goes nowhere."""
    try:
        too_long = path.exists() and path.stat().st_size > WORKER_LOG_LIMIT
        output = path.open("wb" if too_long else "ab")
    except OSError:
        yield subprocess.DEVNULL
        return
    with output:
        yield output
