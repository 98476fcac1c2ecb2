"""Resident memory of an installation's processes, after all the other measures."""

import psutil

from benchmarks.measuring import Values
from benchmarks.memory import resident_mb, tree_mb
from benchmarks.system import MeasureError
from tests.installation import Installation

SUPERVISED = ("redis", "web", "worker", "clock", "agent")


def memory(installation: Installation) -> Values:
    """Postgres with its connections; of the code workers, the one of the acceptance project."""
    values = {f"rss_mb_{name}": resident_mb(_process(installation, name)) for name in SUPERVISED}
    return values | {
        "rss_mb_postgres": tree_mb(_process(installation, "postgres")),
        "rss_mb_code_worker": resident_mb(_code_worker(installation)),
    }


def _process(installation: Installation, name: str) -> psutil.Process:
    return psutil.Process(installation.pid_of(name))


def _code_worker(installation: Installation) -> psutil.Process:
    for child in _process(installation, "agent").children(recursive=True):
        words = " ".join(child.cmdline())
        if "daggerboard_worker" in words and "acceptance" in words:
            return child
    raise MeasureError("The agent has no code worker for the acceptance project.")
