"""Runs, measured from outside: latency, throughput, a process per step, and what log lines cost."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from benchmarks.progress import say
from benchmarks.statistic import percentile, spread
from benchmarks.system import FIVE_STEPS, QUICK, MeasureError, System, Work, chatty, run_to_success, wait_success

WARM_UP_RUNS = 3
LINES = 1000
# As many as a browser or a script would hold open; the launches are part of what is measured.
LAUNCHERS = 4
# Seconds between two questions about many runs: a hundredth of what they take.
PAUSE = 0.1


def launch_latency(system: System, *, runs: int, seconds: float = 60) -> dict[str, float]:
    """One one-asset run after another."""
    _warm_up(system)
    samples = [run_to_success(system, QUICK, seconds=seconds)[1] for _ in range(runs)]
    say(f"{system.name}: launch to success {spread(samples)} ms")
    return {
        "launch_to_success_p50_ms": percentile(samples, 50),
        "launch_to_success_p95_ms": percentile(samples, 95),
    }


def throughput(system: System, *, runs: int, seconds: float = 900) -> dict[str, float]:
    """All launched at once; until every one of them has succeeded."""
    _warm_up(system)
    began = time.perf_counter()
    with ThreadPoolExecutor(LAUNCHERS) as pool:
        pending = set(pool.map(lambda _: system.launch(QUICK), range(runs)))
    launched = time.perf_counter() - began
    while pending:
        # One cheap question at a time, about the run that will be last; the long list costs the server as much as a run.
        wait_success(system, max(pending), deadline=began + seconds, pause=PAUSE)
        pending -= system.succeeded(pending)
    took = time.perf_counter() - began
    say(f"{system.name}: {runs} runs in {took:.1f} s, the launches alone {launched:.1f} s")
    return {"runs_per_minute": runs * 60 / took}


def five_steps(system: System, *, repeats: int) -> dict[str, float]:
    """A job of five steps in a row, each in a process of its own."""
    samples = _samples(system, FIVE_STEPS, repeats=repeats, check=_five_succeeded)
    say(f"{system.name}: five steps {spread(samples)} ms")
    return {"five_step_run_ms": percentile(samples, 50)}


def log_lines(system: System, *, repeats: int) -> dict[str, float]:
    """Runs with and without lines take turns, so that a busy machine is busy for both."""
    run_to_success(system, chatty(LINES), seconds=120)
    silent: list[float] = []
    chatting: list[float] = []
    for _ in range(repeats):
        silent += _samples(system, chatty(0), repeats=1, check=_has_lines(0))
        chatting += _samples(system, chatty(LINES), repeats=1, check=_has_lines(LINES))
    say(f"{system.name}: without lines {spread(silent)} ms, with {LINES} {spread(chatting)} ms")
    return {"thousand_log_lines_added_ms": percentile(chatting, 50) - percentile(silent, 50)}


def _warm_up(system: System) -> None:
    for _ in range(WARM_UP_RUNS):
        run_to_success(system, QUICK, seconds=120)


def _samples(system: System, work: Work, *, repeats: int, check: Callable[[System, str], None]) -> list[float]:
    samples: list[float] = []
    for _ in range(repeats):
        run_id, took = run_to_success(system, work, seconds=120)
        check(system, run_id)
        samples.append(took)
    return samples


def _five_succeeded(system: System, run_id: str) -> None:
    found = system.step_successes(run_id)
    if found != 5:
        raise MeasureError(f"Run {run_id} has {found} succeeded steps instead of 5.")


def _has_lines(lines: int) -> Callable[[System, str], None]:
    def check(system: System, run_id: str) -> None:
        found = system.log_lines(run_id)
        if found != lines:
            raise MeasureError(f"Run {run_id} has {found} stored log lines instead of {lines}.")

    return check
