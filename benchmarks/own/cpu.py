"""Where a measure's CPU time went, said beside its figure: it tells a slow system from a busy machine."""

from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from benchmarks.progress import say
from tests.installation import Installation

_NAMES = ("postgres", "redis", "web", "worker", "clock", "agent")


@contextmanager
def cpu_told(installation: Installation) -> Iterator[None]:
    """Say the CPU seconds of each process during the block, and those of the whole machine."""
    before, machine = _by_process(installation), _machine()
    yield
    after = _by_process(installation)
    used = ", ".join(f"{name} {after[name] - before[name]:.1f}" for name in after)
    say(f"  CPU seconds: {used}; the machine was busy for {_machine() - machine:.1f}")


def _by_process(installation: Installation) -> dict[str, float]:
    processes = {name: psutil.Process(installation.pid_of(name)) for name in _NAMES}
    used = {name: _family(process) for name, process in processes.items()}
    own = processes["agent"].cpu_times()
    used["code workers and runs"] = used["agent"] - float(own.user + own.system)
    used["agent"] -= used["code workers and runs"]
    return used | {"the measure itself": _seconds(psutil.Process())}


def _family(process: psutil.Process) -> float:
    """A process, what it started, and what of that has ended."""
    total = _seconds(process)
    for child in process.children(recursive=True):
        try:
            total += _seconds(child)
        except psutil.NoSuchProcess:
            continue
    return total


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _machine() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.system)
