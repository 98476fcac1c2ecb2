"""A thousand eager assets: what they cost while nothing happens, and how soon an upstream change is followed."""

import datetime
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measuring import Values
from benchmarks.progress import say
from benchmarks.statistic import percentile, spread
from tests.installation import Installation, installed
from tests.waiting import eventually

PROJECT = Path(__file__).parents[1] / "projects"
IDLE_SECONDS, CHANGES = 60, 10
# Those that a change of one root makes requested.
FOLLOWERS = 10


def conditions() -> Values:
    """On an installation of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="daggerboard-benchmarks-") as folder,
        installed(Path(folder) / "home") as installation,
    ):
        target = {"python_file": "many_conditions.py", "working_directory": str(PROJECT)}
        installation.deploy("many-conditions", target, seconds=180)
        _settled(installation)
        idle = _idle_percent(installation)
        late = [_follow(installation, number) for number in range(CHANGES)]
    say(f"Daggerboard: 1,000 eager assets idle {idle:.2f} % of a core; change to request {spread(late)} ms")
    return {"conditions_idle_percent": idle, "condition_requested_p95_s": percentile(late, 95) / 1000}


def _settled(installation: Installation) -> None:
    """Everything was evaluated once and again, and waits."""

    def waits() -> bool:
        with installation.client as client:
            state = client.get("automation/")
        return bool(state["is_running"]) and state["next_due_at"] is None

    eventually(waits, bool, seconds=240)


def _idle_percent(installation: Installation) -> float:
    evaluator = psutil.Process(installation.pid_of("evaluator"))
    processes = [evaluator, *evaluator.children(recursive=True)]
    before = sum(sum(process.cpu_times()[:2]) for process in processes)
    time.sleep(IDLE_SECONDS)
    return 100 * (sum(sum(process.cpu_times()[:2]) for process in processes) - before) / IDLE_SECONDS


def _follow(installation: Installation, number: int) -> float:
    """Milliseconds from the report of a materialization until the run of what follows is in the queue."""
    event = {"type": "materialization", "asset": f"root_{number}", "id": f"change-{number}"}
    began = datetime.datetime.now(datetime.UTC)
    with installation.client as client:
        client.post("asset-events/", {"events": [event]})

    def requested() -> list[dict[str, Any]]:
        with installation.client as client:
            return list(client.pages("runs/", asset=f"eager_{number}"))

    run = eventually(requested, bool, seconds=60)[-1]
    return (datetime.datetime.fromisoformat(run["created_at"]) - began).total_seconds() * 1000
