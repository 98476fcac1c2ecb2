"""Taking over the code workers that an earlier process of this agent left behind: a restart loads nothing that did not change.

Beside each worker lies a record of how it was started. A worker that was started exactly as it would be now (same interpreter,
arguments and environment, same release of the agent) is taken over; any other is killed, and its children run on.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
import signal
import socket
from typing import TYPE_CHECKING, Any

import msgspec

from agent import log
from agent.files import read_or_none, write_atomically
from agent.processes import is_alive, send_signal
from agent.version import agent_version
from agent.worker_link import WorkerLink
from agent.worker_process import WorkerProcess

if TYPE_CHECKING:
    from pathlib import Path

    from agent.environment import Environment
    from agent.processes import Reaper
    from agent.protocol import DesiredLocation
    from agent.worker_process import Command, WorkerSettings

# Seconds a worker has to notice that its agent is gone, and to say how things stand once it was found.
PATIENCE = 5.0
LOOK_AGAIN = 0.02
# Service managers and shells set these anew at each start; they say nothing about what code does.
_OF_A_START = frozenset(
    {"INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID", "MAINPID", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"}
    | {"_", "PWD", "OLDPWD", "SHLVL", "TERM", "COLUMNS", "LINES", "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"}
)


class Left(msgspec.Struct, frozen=True):
    """One worker as it was left: who it is, and a keyed hash of how it was started (the environment may hold secrets)."""

    pid: int
    ticks: int
    salt: str
    started_as: str


def worker_address(settings: WorkerSettings, pid: int) -> Path:
    """Answer where this worker waits: beside the data socket, whose path is short enough."""
    return settings.socket_path.with_name(f"{pid}.w")


async def leave_behind(worker: WorkerProcess, command: Command, *, record: Path, settings: WorkerSettings) -> None:
    """Have the worker wait for the next process of this agent when this one is gone."""
    if settings.worker_patience <= 0:
        return
    salt = secrets.token_hex(16)
    left = Left(pid=worker.pid, ticks=worker.identity[1], salt=salt, started_as=_fingerprint(command, salt))
    with contextlib.suppress(OSError):
        write_atomically(record, msgspec.json.encode(left))
        await worker.link.stay(str(worker_address(settings, worker.pid)), settings.worker_patience)


async def take_over(
    command: Command,
    *,
    location: DesiredLocation,
    environment: Environment,
    record: Path,
    settings: WorkerSettings,
    reaper: Reaper,
) -> WorkerProcess | None:
    """Answer the worker that an earlier process left, connected; None when there is none that is what is wanted now."""
    left = _taken(record)
    if left is None or not is_alive(left.pid, left.ticks):
        return None
    if not hmac.compare_digest(left.started_as, _fingerprint(command, left.salt)):
        log.info("worker.not_taken_over", pid=left.pid, reason="it was started otherwise than it would be now")
        send_signal(left.pid, left.ticks, signal.SIGKILL, group=False)
        return None
    connection = await _connected(worker_address(settings, left.pid), left)
    if connection is None:
        send_signal(left.pid, left.ticks, signal.SIGKILL, group=False)
        return None
    return WorkerProcess(
        pid=left.pid,
        ticks=left.ticks,
        popen=None,
        link=WorkerLink(),
        control=connection,
        reaper=reaper,
        environment=environment,
        wanted=location.environment,
    )


async def has_let_go(pid: int, ticks: int, settings: WorkerSettings) -> bool:
    """Wait until a worker is gone or waits for its next agent: either way no request of the last one can be under way any more."""
    address = worker_address(settings, pid)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2 * PATIENCE):
            while is_alive(pid, ticks) and not address.exists():  # noqa: ASYNC110 - nothing tells of a stranger's file
                await asyncio.sleep(LOOK_AGAIN)
            return True
    return False


async def _connected(address: Path, left: Left) -> socket.socket | None:
    """Connect as soon as the worker has noticed that its last agent is gone."""
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE
    while loop.time() < until and is_alive(left.pid, left.ticks):
        connection = socket.socket(socket.AF_UNIX)
        connection.setblocking(False)
        try:
            await loop.sock_connect(connection, str(address))
        except OSError:
            connection.close()
            await asyncio.sleep(LOOK_AGAIN)
            continue
        return connection
    return None


def _taken(record: Path) -> Left | None:
    """Read the record and take it away: what is tried once and fails is not tried again."""
    data = read_or_none(record)
    record.unlink(missing_ok=True)
    try:
        return msgspec.json.decode(data, type=Left) if data else None
    except msgspec.MsgspecError:
        return None


def _fingerprint(command: Command, salt: str) -> str:
    environment = sorted((name, value) for name, value in command.environment.items() if name not in _OF_A_START)
    parts: list[Any] = [agent_version(), command.executable, command.arguments, str(command.folder), environment]
    return hmac.new(bytes.fromhex(salt), msgspec.json.encode(parts), "sha256").hexdigest()
