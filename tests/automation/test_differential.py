"""Evaluating only what can have changed, on our view, requests what dagster requests that evaluates everything on its own instance."""

import os
import random
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.cast import make_cast
from tests.worker.fake_agent import WORKER
from tests.worker.interpreters import interpreter_with
from tests.worker.versions import ROOT, tested_versions

# More of both for a long run: `DIFFERENTIAL_HISTORIES=100 DIFFERENTIAL_TICKS=50 pytest tests/automation/test_differential.py`.
HISTORIES = int(os.environ.get("DIFFERENTIAL_HISTORIES", "2"))
TICKS = int(os.environ.get("DIFFERENTIAL_TICKS", "16"))
FIRST = int(os.environ.get("DIFFERENTIAL_FIRST", "1"))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + HISTORIES))
def test_we_request_what_dagster_requests(seed: int) -> None:
    from tests.automation.histories import History
    from tests.automation.many_conditions import defs

    # Every other one with a sensor that wants backfills.
    history = History(make_cast(f"differential-{seed}"), defs, random.Random(seed), emit_backfills=seed % 2 == 0)
    requested = 0
    for tick in range(TICKS):
        history.happens()
        theirs, ours = history.dagster_requests(), history.our_requests()
        requested += len(theirs)
        story = "\n".join(history.log[-12:])
        assert ours == theirs, (
            f"history {seed}, tick {tick} at {history.now}: dagster alone {sorted(theirs - ours, key=str)}, "
            f"we alone {sorted(ours - theirs, key=str)}, after\n{story}"
        )
    assert requested > 0


_SNAPSHOT = """
import sys
from types import SimpleNamespace
from daggerboard_worker.manifest.build import repository_snapshot, snapshot_bytes
from tests.automation.classic_conditions import classic
loaded = SimpleNamespace(repository=classic.get_repository_def(), location=SimpleNamespace(name="shop"))
sys.stdout.buffer.write(snapshot_bytes(repository_snapshot(loaded)))
"""


@pytest.mark.versions
@pytest.mark.timeout(900)
def test_definitions_of_the_oldest_dagster_are_evaluated_as_the_newest_does() -> None:
    """Code locations have whatever dagster they have; what they define is evaluated here by ours."""
    from tests.automation.classic_conditions import classic
    from tests.automation.histories import History

    python = interpreter_with(tested_versions()[0])
    paths = {"PYTHONPATH": f"{WORKER}{os.pathsep}{ROOT}"}
    written = subprocess.run([python, "-c", _SNAPSHOT], env={**os.environ, **paths}, capture_output=True, check=True)
    history = History(
        make_cast("oldest"), classic, random.Random(5), emit_backfills=True, snapshot=written.stdout.decode()
    )
    requested = 0
    for tick in range(TICKS // 2):
        history.happens()
        theirs, ours = history.dagster_requests(), history.our_requests()
        requested += len(theirs)
        assert ours == theirs, (tick, theirs ^ ours, history.log[-12:])
    assert requested > 0


def _follows_nobody(history: Any) -> None:
    history.ours.watches.__dict__["by_asset"] = {}


def _hears_of_no_end(history: Any) -> None:
    tell = history.ours.happens
    history.ours.happens = lambda entry, id_: (
        None if "RUN_" in entry.dagster_event.event_type.name else tell(entry, id_)
    )


def _hears_of_no_materialization(history: Any) -> None:
    tell = history.ours.happens
    history.ours.happens = lambda entry, id_: None if entry.dagster_event.is_step_materialization else tell(entry, id_)


def _lacks_nothing(_history: Any) -> None: ...


@pytest.mark.parametrize("spoil", [_lacks_nothing, _follows_nobody, _hears_of_no_end, _hears_of_no_materialization])
def test_a_view_that_lacks_something_is_found_out(spoil: Callable[[Any], None]) -> None:
    """So that the test above is known to be able to fail: in the first ticks of a history of few assets, and only of a spoilt view."""
    from tests.automation.histories import History
    from tests.automation.many_conditions import few

    history = History(make_cast("spoilt"), few, random.Random(3), actions=("made", "starts", "ends"))
    spoil(history)
    differs = False
    for _tick in range(6):
        history.happens()
        differs |= history.dagster_requests() != history.our_requests()
    assert differs == (spoil is not _lacks_nothing)
