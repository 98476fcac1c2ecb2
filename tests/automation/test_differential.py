"""Evaluating only what can have changed, on our view, requests what dagster requests that evaluates everything on its own instance."""

import os
import random

import pytest

from tests.cast import make_cast

# More of both for a long run: `DIFFERENTIAL_HISTORIES=100 DIFFERENTIAL_TICKS=50 pytest tests/automation/test_differential.py`.
HISTORIES = int(os.environ.get("DIFFERENTIAL_HISTORIES", "3"))
TICKS = int(os.environ.get("DIFFERENTIAL_TICKS", "20"))
FIRST = int(os.environ.get("DIFFERENTIAL_FIRST", "1"))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + HISTORIES))
def test_we_request_what_dagster_requests(seed: int) -> None:
    from tests.automation.histories import History
    from tests.automation.many_conditions import defs

    history = History(make_cast(f"differential-{seed}"), defs, random.Random(seed))
    requested = 0
    for tick in range(TICKS):
        history.happens()
        theirs, ours = history.dagster_requests(), history.ours.requests(history.now)
        requested += len(theirs)
        story = "\n".join(history.log[-12:])
        assert ours == theirs, (
            f"history {seed}, tick {tick} at {history.now}: dagster alone {sorted(theirs - ours, key=str)}, "
            f"we alone {sorted(ours - theirs, key=str)}, after\n{story}"
        )
    assert requested > 0
