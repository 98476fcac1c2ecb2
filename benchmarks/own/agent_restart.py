"""An agent with twenty loaded code locations is killed and comes back."""

import tempfile
import time
from pathlib import Path

from benchmarks.measuring import Values
from benchmarks.progress import say
from benchmarks.statistic import percentile, spread
from benchmarks.system import MeasureError
from tests.installation import PROJECTS, Installation, installed
from tests.waiting import eventually

LOCATIONS, REPEATS = 20, 5
_TAKEN_OVER = "location.taken_over"


def agent_restart() -> Values:
    """From the kill until the new process has all of them, with the very same code workers."""
    with (
        tempfile.TemporaryDirectory(prefix="daggerboard-benchmarks-") as folder,
        installed(Path(folder) / "home") as installation,
    ):
        target = {"python_file": "acceptance.py", "working_directory": str(PROJECTS / "acceptance")}
        for number in range(LOCATIONS):
            installation.deploy(f"location-{number}", target, seconds=120)
        samples = [_restart(installation) for _ in range(REPEATS)]
    say(f"Daggerboard: {LOCATIONS} locations ready after a restart of the agent {spread(samples)} s, none loaded again")
    return {"agent_restart_20_locations_s": percentile(samples, 50)}


def _restart(installation: Installation) -> float:
    before, told = set(installation.code_workers()), _told(installation)
    if len(before) != LOCATIONS:
        raise MeasureError(f"There are {len(before)} code workers instead of {LOCATIONS}.")
    began = time.perf_counter()
    installation.kill("agent")
    eventually(lambda: _told(installation), lambda count: count >= told + LOCATIONS, seconds=60)
    took = time.perf_counter() - began
    if set(installation.code_workers()) != before:
        raise MeasureError("A code worker was replaced, though nothing had changed.")
    return took


def _told(installation: Installation) -> int:
    log = installation.home / "logs" / "agent.log"
    return log.read_text(errors="replace").count(_TAKEN_OVER) if log.exists() else 0
