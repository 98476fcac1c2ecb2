"""Processes of this machine: who is who (pid and start time), when they end, how a whole group is ended, orphans included."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import psutil

from agent.changes import first_of

_PR_SET_CHILD_SUBREAPER = 36
_START_TIME_FIELD = 22
# How often a process is looked for where the kernel has no pidfd.
_LOOK_AGAIN = 0.2


@dataclass(frozen=True)
class Exit:
    """How a process ended. Both numbers are None when nobody could see it."""

    exit_code: int | None = None
    signal: int | None = None
    cpu_seconds: float | None = None
    max_rss_bytes: int | None = None


def start_ticks(pid: int) -> int | None:
    """Answer when a process started, in clock ticks since boot; None if there is no such process."""
    fields = _stat(pid)
    return int(fields[_START_TIME_FIELD - 3]) if fields else None


def is_alive(pid: int, ticks: int) -> bool:
    """Say whether this very process still runs; one that ended and waits to be collected does not."""
    fields = _stat(pid)
    return bool(fields) and int(fields[_START_TIME_FIELD - 3]) == ticks and fields[0] not in {b"Z", b"X"}


def _stat(pid: int) -> list[bytes]:
    """Answer the fields of /proc/<pid>/stat from the third on, or nothing."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return []
    # The command in field 2 may hold spaces and parentheses: count from its end.
    return stat[stat.rfind(b")") + 2 :].split()


def become_subreaper() -> None:
    """Have children of a killed code worker become ours, so that their exit codes are not lost. Linux only; elsewhere a no-op."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Reaper:
    """Collects every child that ends, also those inherited from dead workers."""

    def __init__(self) -> None:
        self._ended: dict[int, Exit] = {}
        self._waiting: dict[int, asyncio.Future[Exit]] = {}

    def install(self) -> None:
        become_subreaper()
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._collect)

    async def wait(self, pid: int, ticks: int) -> Exit:
        """Wait for the end of a process that may or may not be our child."""
        ended = self._ended.pop(pid, None)
        if ended and not is_alive(pid, ticks):
            return ended
        future = self._waiting.setdefault(pid, asyncio.get_running_loop().create_future())
        watch = asyncio.create_task(_gone(pid, ticks))
        try:
            await first_of(future, watch)
            self._collect()
            return future.result() if future.done() else Exit()
        finally:
            watch.cancel()
            self._waiting.pop(pid, None)

    def _collect(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._note(pid, _exit(status, cpu=usage.ru_utime + usage.ru_stime, rss=usage.ru_maxrss * 1024))

    def _note(self, pid: int, ended: Exit) -> None:
        future = self._waiting.get(pid)
        if future is None:
            # Somebody may ask a moment later; orphans of user code nobody asks for are few, and pids repeat.
            self._ended[pid] = ended
            if len(self._ended) > 1000:
                del self._ended[next(iter(self._ended))]
        elif not future.done():
            future.set_result(ended)


def _exit(status: int, *, cpu: float, rss: int) -> Exit:
    code = os.waitstatus_to_exitcode(status)
    return Exit(
        exit_code=code if code >= 0 else None, signal=-code if code < 0 else None, cpu_seconds=cpu, max_rss_bytes=rss
    )


async def _gone(pid: int, ticks: int) -> None:
    """Return when the process is no more."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):
        await _gone_by_looking(pid, ticks)
        return
    try:
        if start_ticks(pid) == ticks:
            await _readable(descriptor)
    finally:
        os.close(descriptor)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)


async def _gone_by_looking(pid: int, ticks: int) -> None:
    while is_alive(pid, ticks):  # noqa: ASYNC110 - no event tells of a stranger's end here
        await asyncio.sleep(_LOOK_AGAIN)


def send_signal(pid: int, ticks: int, signum: int, *, group: bool) -> None:
    """Signal a process (or its group) if it is still the one we mean."""
    if not is_alive(pid, ticks):
        return
    with contextlib.suppress(ProcessLookupError):
        (os.killpg if group and pid != os.getpgrp() else os.kill)(pid, signum)


def kill_family(pid: int, ticks: int) -> None:
    """SIGKILL a live process, its group, and descendants that left the group."""
    if not is_alive(pid, ticks):
        return
    descendants = []
    with contextlib.suppress(psutil.Error):
        descendants = psutil.Process(pid).children(recursive=True)
    _kill_group(pid)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    for process in descendants:
        with contextlib.suppress(psutil.Error):
            process.kill()


def reap_group(pid: int, ticks: int) -> None:
    """SIGKILL what a process that ended left in its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, 0)
        leader = start_ticks(pid)
        if leader not in {None, ticks}:
            return  # the number was given to somebody else already
        os.killpg(pid, signal.SIGKILL)


def _kill_group(pid: int) -> None:
    if pid == os.getpgrp():
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
