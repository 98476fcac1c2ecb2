"""A measure is only as good as its checks: it must fail when the work did not succeed."""

import itertools
from collections.abc import Iterable

import pytest

from benchmarks import runs
from benchmarks.system import MeasureError, Work


class Answers:
    """A system whose answers are written down beforehand."""

    name = "written down"
    poll_seconds = 0.0

    def __init__(self, statuses: Iterable[str], *, lines: int = 0, steps: int = 5) -> None:
        self._statuses = iter(statuses)
        self._lines = lines
        self._steps = steps

    def launch(self, work: Work) -> str:
        return "run"

    def status(self, run_id: str) -> str:
        return next(self._statuses, "SUCCESS")

    def succeeded(self, run_ids: set[str]) -> set[str]:
        return run_ids

    def log_lines(self, run_id: str) -> int:
        return self._lines

    def step_successes(self, run_id: str) -> int:
        return self._steps


def test_latency_has_both_percentiles() -> None:
    values = runs.launch_latency(Answers(["QUEUED", "STARTED", "SUCCESS"]), runs=5)

    assert values.keys() == {"launch_to_success_p50_ms", "launch_to_success_p95_ms"}


@pytest.mark.parametrize("status", ["FAILURE", "CANCELED"])
def test_a_run_that_ends_badly_fails_the_measure(status: str) -> None:
    with pytest.raises(MeasureError, match=status):
        runs.launch_latency(Answers(["STARTED", status]), runs=1)


def test_a_run_that_does_not_end_fails_the_measure() -> None:
    with pytest.raises(MeasureError, match="still QUEUED"):
        runs.run_to_success(Answers(itertools.repeat("QUEUED")), Work(asset="quick"), seconds=0.01)


def test_missing_log_lines_fail_the_measure() -> None:
    with pytest.raises(MeasureError, match="999 stored log lines instead of 0"):
        runs.log_lines(Answers([], lines=999), repeats=1)


def test_missing_steps_fail_the_measure() -> None:
    with pytest.raises(MeasureError, match="4 succeeded steps"):
        runs.five_steps(Answers([], steps=4), repeats=1)
