"""Promise R4: the control plane is gone for two minutes, with its default settings, while runs run: they succeed and report."""

import datetime
import signal
from pathlib import Path

import pytest

from tests.faults.test_lost_agent import assert_lines_are_whole, away_for
from tests.installation import installed

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

RUNS = 3


def test_runs_succeed_and_their_events_arrive_in_order(tmp_path: Path) -> None:
    enough = tmp_path / "enough"
    config = {"ops": {"slow": {"config": {"seconds": 390, "until_file": str(enough)}}}}
    with installed(tmp_path / "home") as daggerboard:
        daggerboard.deploy_acceptance()
        runs = [daggerboard.launch(assets=["slow"], run_config=config) for _ in range(RUNS)]
        for run in runs:
            daggerboard.wait_status(run, "STARTED")

        for process in ("web", "worker", "clock"):
            assert daggerboard.kill(process, signal.SIGSTOP)
        went = datetime.datetime.now(datetime.UTC)
        away_for(seconds=120)
        back = datetime.datetime.now(datetime.UTC)
        enough.touch()
        for process in ("web", "worker", "clock"):
            daggerboard.kill(process, signal.SIGCONT)

        for run in runs:
            assert daggerboard.wait_status(run)["status"] == "SUCCESS"
            with daggerboard.client as client:
                assert_lines_are_whole(list(client.pages(f"runs/{run}/events/", limit=500)), went, back)
