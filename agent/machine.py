"""Facts about this machine: clocks that survive suspension, memory limits, kernel out-of-memory kills. Nothing about runs."""

from __future__ import annotations

import os
import platform
import socket
import time
from pathlib import Path

import psutil

from agent.protocol import HostFacts

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_CGROUP = Path("/sys/fs/cgroup")


def boot_id() -> str:
    """Changes when the machine restarts: no process of an earlier boot can be alive."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return str(int(psutil.boot_time()))


def now() -> float:
    """Answer seconds on a clock that counts suspended time, is shared by all processes of one boot, and nobody can set."""
    clock: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


def host_facts() -> HostFacts:
    """What Register tells of this machine."""
    return HostFacts(
        hostname=socket.gethostname(),
        platform=platform.platform(),
        python_version=platform.python_version(),
        cpus=os.cpu_count() or 1,
        memory_bytes=memory_limit(),
    )


def memory_limit() -> int:
    """Answer the bytes this agent and its children may use: the cgroup's limit or all of the machine's memory."""
    total = psutil.virtual_memory().total
    limits = [
        _number(folder / name) for folder in _memory_folders() for name in ("memory.max", "memory.limit_in_bytes")
    ]
    return min([total, *(limit for limit in limits if limit)])


def oom_kills() -> int:
    """Answer how many processes the kernel killed for memory, as far as this machine lets us see."""
    counted = _counters(Path("/proc/vmstat")).get("oom_kill", 0)
    for folder in _memory_folders():
        for name in ("memory.events", "memory.oom_control"):
            counted = max(counted, _counters(folder / name).get("oom_kill", 0))
    return counted


def _memory_folders() -> list[Path]:
    folders = []
    for line in _text(Path("/proc/self/cgroup")).splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            folders.append(_CGROUP / path.lstrip("/"))
        elif "memory" in controllers.split(","):
            folders.append(_CGROUP / "memory" / path.lstrip("/"))
    return [folder for folder in folders if folder.is_dir()]


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _counters(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in _text(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
