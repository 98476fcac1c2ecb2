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
import struct
from typing import TYPE_CHECKING, Any

import msgspec

from agent import log
from agent.files import read_or_none, write_atomically
from agent.processes import is_alive, send_signal
from agent.version import agent_version
from agent.worker_link import WorkerLink
from agent.worker_process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable
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
    # Where it waits. A copy of the home folder is another agent's, and this worker is none of its own.
    address: str


def worker_address(settings: WorkerSettings, pid: int) -> Path:
    """Answer where this worker waits: beside the data socket, whose path is short enough."""
    return settings.socket_path.with_name(f"{pid}.w")


async def leave_behind(worker: WorkerProcess, command: Command, *, record: Path, settings: WorkerSettings) -> None:
    """Have the worker wait for the next process of this agent when this one is gone."""
    if settings.worker_patience <= 0:
        return
    salt, address = secrets.token_hex(16), str(worker_address(settings, worker.pid))
    started_as = _fingerprint(command, salt)
    left = Left(pid=worker.pid, ticks=worker.identity[1], salt=salt, started_as=started_as, address=address)
    with contextlib.suppress(OSError):
        # What a killed worker with the same pid left would say that this one waits.
        worker_address(settings, worker.pid).unlink(missing_ok=True)
        write_atomically(record, msgspec.json.encode(left))
        await worker.link.stay(address, settings.worker_patience)


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
    if left.address != str(worker_address(settings, left.pid)):
        log.warning("worker.not_ours", pid=left.pid, effect="left alone: it belongs to an agent with another home")
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


async def has_let_go(pid: int, ticks: int, settings: WorkerSettings, *, is_ours: Callable[[], bool]) -> bool:
    """Wait until a worker is gone, waits for its next agent, or was taken over: no request of the last one can be under way then."""
    address = worker_address(settings, pid)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2 * PATIENCE):
            while is_alive(pid, ticks) and not address.exists() and not is_ours():  # noqa: ASYNC110 - nothing tells of a stranger's file
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
        if _peer(connection) == left.pid:
            return connection
        # SECURITY: somebody else listens there, and would be told what to run and with which config.
        log.error("worker.impersonated", address=str(address), expected_pid=left.pid)
        connection.close()
        return None
    return None


def _peer(connection: socket.socket) -> int:
    """Answer the process that listens on the other side."""
    pid: int = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    return pid


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
