"""Which process is which: a pid with its start time names one process for good, so no other is ever signalled."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from controlplane.embedded.files import write_private

# A condition is looked at this often while something starts or stops.
POLL_SECONDS = 0.01


@dataclass(frozen=True)
class ProcessMark:
    """One process for good: pids are reused, a pid together with its start time is not."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "ProcessMark":
        return cls(pid=pid, started=_start_time(pid) or "")

    def alive(self) -> bool:
        return bool(self.started) and _start_time(self.pid) == self.started


def _start_time(pid: int) -> str | None:
    """None for a process that is gone or a zombie."""
    if sys.platform == "linux":
        return _linux_start_time(pid)
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.3f}"
    except psutil.Error:
        return None


def _linux_start_time(pid: int) -> str | None:
    # Ticks since boot do not move with the clock; the boot id keeps them apart from those of another boot.
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def record_process(path: Path, mark: ProcessMark) -> None:
    """Write down which process this is, for whoever comes after us."""
    write_private(path, json.dumps(asdict(mark)))


def recorded_process(path: Path) -> ProcessMark | None:
    """What `record_process` wrote; None when it wrote nothing that can be read."""
    try:
        return ProcessMark(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def wait_until(condition: Callable[[], bool], *, seconds: float, every: float = POLL_SECONDS) -> bool:
    """True as soon as the condition holds, False when it still does not after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def stop_process(mark: ProcessMark, *, gently: signal.Signals, seconds: float) -> None:
    """Ask the process to stop; after so many seconds, kill it. Returns when it is gone."""
    for number, patience in ((gently, seconds), (signal.SIGKILL, 10.0)):
        if not mark.alive():
            return
        try:
            os.kill(mark.pid, number)
        except ProcessLookupError:
            return
        if wait_until(lambda: not mark.alive(), seconds=patience):
            return
