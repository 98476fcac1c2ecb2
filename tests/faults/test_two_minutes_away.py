"""Promise R4: the control plane is gone for two minutes, with its default settings, while runs run: they succeed and report."""

import signal
from pathlib import Path

import pytest

from tests.faults.test_lost_agent import away_for
from tests.installation import installed

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]

RUNS = 3


def test_runs_succeed_and_their_events_arrive_in_order(tmp_path: Path) -> None:
    enough = tmp_path / "enough"
    config = {"ops": {"slow": {"config": {"seconds": 300, "until_file": str(enough)}}}}
    with installed(tmp_path / "home") as daggerboard:
        daggerboard.deploy_acceptance()
        runs = [daggerboard.launch(assets=["slow"], run_config=config) for _ in range(RUNS)]
        for run in runs:
            daggerboard.wait_status(run, "STARTED")

        for process in ("web", "worker", "clock"):
            daggerboard.kill(process, signal.SIGSTOP)
        away_for(seconds=120)
        enough.touch()
        for process in ("web", "worker", "clock"):
            daggerboard.kill(process, signal.SIGCONT)

        for run in runs:
            assert daggerboard.wait_status(run, seconds=60)["status"] == "SUCCESS"
            with daggerboard.client as client:
                lines = [e["message"] for e in client.pages(f"runs/{run}/events/", limit=500)]
            lines = [line for line in lines if line.startswith("line ")]
            assert lines == [f"line {n}" for n in range(len(lines))]
            assert len(lines) > 1000
