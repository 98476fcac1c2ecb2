"""Pipes, observable sources and reported events through the real system: real processes, a real agent, real dagster."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installation import PROJECTS, Installation
from tests.waiting import eventually


@pytest.fixture(scope="module")
def outside(daggerboard: Installation) -> Installation:
    folder = str(PROJECTS / "outside")
    daggerboard.deploy("outside", {"python_file": "outside.py", "working_directory": folder})
    return daggerboard


def launch(outside: Installation, *assets: str, **fields: object) -> str:
    with outside.client as client:
        return str(client.post("runs/", {"location": "outside", "assets": list(assets), **fields})["id"])


def lines(outside: Installation, run_id: str, word: str) -> list[str]:
    with outside.client as client:
        events = list(client.pages(f"runs/{run_id}/events/", limit=500))
    return [event["message"] for event in events if event["message"].startswith(word)]


def latest(outside: Installation, key: str) -> dict:
    with outside.client as client:
        return client.get(f"assets/{key}/")


@pytest.mark.timeout(400)
def test_pipes_in_a_subprocess_and_over_http_while_the_control_plane_dies(
    outside: Installation, tmp_path: Path
) -> None:
    enough = tmp_path / "enough"
    config = {"ops": {"far_away": {"config": {"until": str(enough)}}}}
    beside, far = launch(outside, "beside"), launch(outside, "far_away", run_config=config)
    # Live: lines are there while the process still goes on. Then nobody answers for a while.
    eventually(lambda: lines(outside, far, "outside "), bool, seconds=120)
    assert outside.run(far)["status"] == "STARTED"
    before = eventually(lambda: outside.pid_of("web"), bool)
    assert before
    os.kill(before, signal.SIGKILL)
    eventually(lambda: outside.pid_of("web"), lambda pid: pid not in {None, before}, seconds=120)
    eventually(lambda: _answers(outside), bool, seconds=120)
    enough.touch()

    ended = [outside.wait_status(run_id, seconds=120) for run_id in (beside, far)]

    assert [run["status"] for run in ended] == ["SUCCESS", "SUCCESS"], ended
    assert lines(outside, beside, "outside ") == [f"outside {n}" for n in range(3)]
    told = lines(outside, far, "outside ")
    assert told == [f"outside {n}" for n in range(len(told))]
    assert len(told) >= 60
    for key in ("beside", "far_away"):
        asset = latest(outside, key)
        assert asset["materialization_metadata"]["rows"] == {"type": "int", "value": 12}
        assert asset["materialization_tags"]["dagster/data_version"] == "made-outside"
        assert [(check["name"], check["status"]) for check in asset["checks"]] == [("not_empty", "passed")]
    assert "dgb_pipes_" not in _everything_said(outside, far)


def test_an_observable_source_is_observed_and_made_by_nobody(outside: Installation) -> None:
    run = outside.wait_status(launch(outside, "watched"))

    assert (run["status"], latest(outside, "watched")["status"]) == ("SUCCESS", "missing")
    assert latest(outside, "watched")["observed_at"]
    with outside.client as client:
        [seen] = client.pages("observations/", asset="watched")
    assert (seen["run_id"], seen["tags"]["dagster/data_version"]) == (run["id"], "seen-1")


def test_user_code_reads_what_was_reported_and_forgets_what_was_wiped(outside: Installation) -> None:
    said = ["elsewhere", "-m", "rows=7", "--data-version", "v9", "--id", "load-1"]
    stored = [command(outside, "report", *said) for _ in range(2)]
    run_id = launch(outside, "reader")

    assert outside.wait_status(run_id)["status"] == "SUCCESS"
    [line] = lines(outside, run_id, "elsewhere: ")
    assert "7 rows" in line
    assert "'dagster/data_version': 'v9'" in line
    assert (stored[0]["id"], stored[1]["is_repeated"]) == (stored[1]["id"], True)
    command(outside, "check", "elsewhere", "complete", "--failed", "--warn")
    assert latest(outside, "elsewhere")["checks"][0]["status"] == "warn"
    assert command(outside, "wipe", "elsewhere", "--all", "--timeout", "200")["events_deleted"] == 2
    assert latest(outside, "elsewhere")["status"] == "missing"


def command(outside: Installation, *words: str) -> dict:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DAGGERBOARD_")}
    done = subprocess.run(
        [sys.executable, "-m", "controlplane.cli.main", "asset", *words, "--json"],
        env=environment | {"DAGGERBOARD_HOME": str(outside.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _answers(outside: Installation) -> bool:
    try:
        with outside.client as client:
            return bool(client.get("assets/"))
    except Exception:  # noqa: BLE001 - it is being restarted
        return False


def _everything_said(outside: Installation, run_id: str) -> str:
    with outside.client as client:
        events = json.dumps(list(client.pages(f"runs/{run_id}/events/", limit=500)))
        keys = client.get(f"runs/{run_id}/logs/")["results"]
    return events + outside.said + json.dumps(keys)
