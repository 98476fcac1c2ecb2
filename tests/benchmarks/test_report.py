"""The rows that are written, and what is counted as met."""

import json
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.figures import BY_KEY
from benchmarks.statistic import percentile

LAUNCH, RUNS = "launch_to_success_p50_ms", "runs_per_minute"


def test_rows_hold_value_goal_and_peer_and_null_for_what_was_not_measured() -> None:
    rows = report.results({LAUNCH: 123.456}, {RUNS: 12.0}, frozenset({LAUNCH, RUNS}))

    assert rows == [
        {"key": LAUNCH, "value": 123.5, "unit": "ms", "goal": 200, "peer": None},
        {"key": RUNS, "value": None, "unit": "runs/min", "goal": 600, "peer": 12.0},
    ]


def test_writing_some_rows_keeps_the_others(tmp_path: Path) -> None:
    path = tmp_path / "results.json"

    report.write(report.results({RUNS: 700, LAUNCH: 100}, {}, frozenset({LAUNCH, RUNS})), path)
    report.write(report.results({LAUNCH: 90}, {}, frozenset({LAUNCH})), path)

    assert {row["key"]: row["value"] for row in json.loads(path.read_text())} == {LAUNCH: 90, RUNS: 700}


@pytest.mark.parametrize(
    ("key", "value", "met"), [(LAUNCH, 200, True), (LAUNCH, 201, False), (RUNS, 599, False), (RUNS, 600, True)]
)
def test_a_goal_is_a_most_or_a_least(key: str, value: float, met: bool) -> None:
    assert BY_KEY[key].meets(value) is met


def test_the_table_says_no_where_a_goal_is_missed() -> None:
    rows = report.results({LAUNCH: 999.0, RUNS: 999.0}, {}, frozenset({LAUNCH, RUNS}))

    launch, runs = report.table(rows).splitlines()[1:]

    assert " NO " in launch
    assert " yes " in runs


def test_a_percentile_is_always_one_of_the_samples() -> None:
    samples = [float(number) for number in range(1, 21)]

    assert percentile(samples, 50) == 10
    assert percentile(samples, 95) == 19
    assert percentile([7.0], 95) == 7
