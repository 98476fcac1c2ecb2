"""What a step used: wall and CPU seconds, peak memory, and memory over time. Runs in whichever process runs the step."""

import contextlib
import os
import resource
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SAMPLE_SECONDS = 0.1
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
GIB = 1024**3

STARTS = frozenset({"STEP_START", "STEP_RESTARTED"})
ENDS = frozenset({"STEP_SUCCESS", "STEP_FAILURE", "STEP_UP_FOR_RETRY"})


def cpu_seconds() -> float:
    """Of this process and of the children it has waited for."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def rss_bytes() -> int:
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - ten times a second
        return int(file.read().split()[1]) * PAGE_BYTES


def reset_peak() -> None:
    """Let the kernel's own high-water mark start here; where it may not, the samples have to do."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_rss_bytes() -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


@dataclass
class OpenStep:
    wall: float = field(default_factory=time.monotonic)
    cpu: float = field(default_factory=cpu_seconds)
    peak: int = 0
    byte_seconds: float = 0.0
    sampled_at: float = field(default_factory=time.monotonic)
    sampled_rss: int = field(default_factory=rss_bytes)

    def sample(self) -> None:
        now, rss = time.monotonic(), rss_bytes()
        self.byte_seconds += (now - self.sampled_at) * (rss + self.sampled_rss) / 2
        self.sampled_at, self.sampled_rss = now, rss
        self.peak = max(self.peak, rss)

    def usage(self, *, peak: int) -> dict[str, Any]:
        self.sample()
        return {
            "wall_seconds": round(time.monotonic() - self.wall, 6),
            "cpu_seconds": round(cpu_seconds() - self.cpu, 6),
            "peak_rss_bytes": max(self.peak, peak),
            "gib_seconds": round(self.byte_seconds / GIB, 6),
        }


class StepMeter:
    def __init__(self) -> None:
        self._open: dict[str, OpenStep] = {}
        self._pid = os.getpid()
        self._sampler: threading.Thread | None = None
        self._lock = threading.Lock()

    def observe(self, event: dict[str, Any]) -> None:
        """Open a step at its start; at its end, put what it used on the event."""
        step = event.get("step")
        if step is None:
            return
        if event["type"] in STARTS:
            self._start(step)
        elif event["type"] in ENDS:
            usage = self._finish(step)
            if usage:
                event["usage"] = usage

    def _start(self, step: str) -> None:
        if self._pid != os.getpid():
            self.__init__()  # type: ignore[misc] # forked: the parent's steps and sampler stayed there
        if not self._open:
            reset_peak()
        with self._lock:
            self._open[step] = OpenStep()
        if self._sampler is None:
            self._sampler = threading.Thread(target=self._sample, name="daggerboard-meter", daemon=True)
            self._sampler.start()

    def _finish(self, step: str) -> dict[str, Any] | None:
        with self._lock:
            opened = self._open.pop(step, None)
        return opened.usage(peak=peak_rss_bytes()) if opened else None

    def _sample(self) -> None:
        while True:
            time.sleep(SAMPLE_SECONDS)
            with self._lock:
                for step in self._open.values():
                    step.sample()


meter = StepMeter()
