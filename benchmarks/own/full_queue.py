"""A queue that was held up and is let go: until every run of it has started. What launching costs is not part of it."""

import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.measuring import Values
from benchmarks.own.daggerboard import DaggerboardSystem
from benchmarks.progress import say
from benchmarks.runs import LAUNCHERS
from benchmarks.system import QUICK, MeasureError, run_to_success

RUNS = 300
_SECONDS = 120.0
# Each question costs the system what a few events cost it.
_PAUSE = 0.25
_HELD = {"settings": {"concurrency": {"runs": {"max_concurrent_runs": 0}}}}


def full_queue(system: DaggerboardSystem) -> Values:
    """Seconds from letting the queue go until the last run has started, and until the last has ended."""
    run_to_success(system, QUICK, seconds=60)
    system.client.put("settings/", _HELD)
    with ThreadPoolExecutor(LAUNCHERS) as pool:
        ids = set(pool.map(lambda _: system.launch(QUICK), range(RUNS)))
    began = time.perf_counter()
    system.client.put("settings/", {"settings": {}})
    started = _until(system, "QUEUED", "STARTING", began=began)
    _until(system, "STARTED", began=began)
    ended = time.perf_counter() - began
    if missing := ids - system.succeeded(ids):
        raise MeasureError(f"{len(missing)} of {RUNS} runs did not succeed.")
    say(f"{RUNS} queued runs: all started in {started:.1f} s, all done in {ended:.1f} s")
    return {"start_300_queued_s": started}


def _until(system: DaggerboardSystem, *statuses: str, began: float) -> float:
    """Until no run has any of these statuses."""
    while any(system.client.get("runs/", status=status, limit=1)["results"] for status in statuses):
        if time.perf_counter() - began > _SECONDS:
            raise MeasureError(f"After {_SECONDS:.0f} s there are runs that are {' or '.join(statuses)} still.")
        time.sleep(_PAUSE)
    return time.perf_counter() - began
