"""Five hundred sensors of one real project, of which one in twenty hangs: how late the runs of the others are queued."""

import datetime
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.measuring import Values
from benchmarks.own.cpu import cpu_told
from benchmarks.progress import say
from benchmarks.statistic import percentile, spread
from benchmarks.system import MeasureError
from tests.installation import Installation, installed

# As many_sensors.py has them: how many, and each how many of them hang.
SENSORS, HANGS = 500, 20
PROJECT = Path(__file__).parents[1] / "projects"
# Twice the timeout of a sensor, so that what hangs has hung twice.
SETTLE_SECONDS, MEASURED_SECONDS = 60, 120


def sensor_ticks() -> Values:
    """From the due time of a tick until the run that it asked for is in the queue."""
    with (
        tempfile.TemporaryDirectory(prefix="daggerboard-benchmarks-") as folder,
        installed(Path(folder) / "home") as installation,
    ):
        target = {"python_file": "many_sensors.py", "working_directory": str(PROJECT)}
        installation.deploy("many-sensors", target, seconds=180)
        time.sleep(SETTLE_SECONDS)
        began = _now()
        with cpu_told(installation):
            time.sleep(MEASURED_SECONDS)
        ticks = _ticks(installation, began)
        late = _late(installation, ticks)
    _tell(ticks, late)
    return {"sensor_tick_queued_p95_ms": percentile(late, 95)}


def _ticks(installation: Installation, since: datetime.datetime) -> list[dict[str, Any]]:
    with installation.client as client:
        return list(client.pages("ticks/", after=since.isoformat(), limit=1000))


def _late(installation: Installation, ticks: list[dict[str, Any]]) -> list[float]:
    """Milliseconds, of each run that a tick asked for."""
    due = {tick["id"]: _moment(tick["due_at"]) for tick in ticks}
    with installation.client as client:
        runs = list(client.pages("runs/", limit=1000))
    found = [
        (_moment(run["created_at"]) - due[run["tags"]["dagster/tick"]]).total_seconds() * 1000
        for run in runs
        if run["tags"].get("dagster/tick") in due
    ]
    if len(found) < SENSORS // HANGS:
        raise MeasureError(f"Only {len(found)} runs were asked for.")
    return found


def _tell(ticks: list[dict[str, Any]], late: list[float]) -> None:
    done = [tick for tick in ticks if tick["ended_at"] and tick["status"] in {"SUCCESS", "SKIPPED"}]
    took = [(_moment(tick["ended_at"]) - _moment(tick["due_at"])).total_seconds() * 1000 for tick in done]
    statuses = Counter(tick["status"] for tick in ticks)
    say(f"Daggerboard: {len(ticks)} ticks of {SENSORS} sensors in {MEASURED_SECONDS} s: {dict(statuses)}")
    say(f"Daggerboard: due to ended {spread(took)} ms; due to queued {spread(late)} ms, of {len(late)} runs")


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)
