"""Promises R2, R5 and the 60 seconds: an agent that is silent beyond its lease loses its runs, and what it says later is refused."""

import datetime
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.installation import Installation, installed
from tests.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

# Short, so that the tests are; the defaults end a lost agent's runs within a minute by the same arithmetic.
SHORT_LEASES = {
    "DAGGERBOARD_LEASE_SECONDS": "12",
    "DAGGERBOARD_LEASE_GRACE_SECONDS": "1",
    "DAGGERBOARD_AGENT_HEARTBEAT_SECONDS": "1",
    "DAGGERBOARD_AGENT_POLL_WAIT_SECONDS": "5",
}


@pytest.fixture(scope="module")
def daggerboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("lost") / "home", settings=SHORT_LEASES) as installation:
        installation.deploy_acceptance()
        yield installation


def launch_slow(daggerboard: Installation, until: Path) -> str:
    config = {"ops": {"slow": {"config": {"seconds": 120, "until_file": str(until)}}}}
    run_id = daggerboard.launch(assets=["slow"], run_config=config)
    daggerboard.wait_status(run_id, "STARTED")
    return run_id


def test_late_results_of_a_stopped_agent_are_refused(daggerboard: Installation, tmp_path: Path) -> None:
    run_id = launch_slow(daggerboard, tmp_path / "enough")
    workers = psutil.Process(daggerboard.pid_of("agent")).children()
    runs_of_it = [run for worker in workers for run in worker.children(recursive=True)]
    daggerboard.kill("agent", signal.SIGSTOP)

    ended = daggerboard.wait_status(run_id)
    (tmp_path / "enough").touch()
    daggerboard.kill("agent", signal.SIGCONT)

    assert ended["status"] == "FAILURE"
    assert ended["failure_code"] == "agent_lost"
    assert runs_of_it
    eventually(lambda: [one for one in runs_of_it if one.is_running()], lambda left: not left)
    quick = daggerboard.wait_status(daggerboard.launch(assets=["quick"]))
    assert quick["status"] == "SUCCESS"
    after = daggerboard.run(run_id)
    assert (after["status"], after["event_count"]) == ("FAILURE", ended["event_count"])


def test_an_outage_of_the_control_plane_longer_than_the_lease_ends_no_run(
    daggerboard: Installation, tmp_path: Path
) -> None:
    run_id = launch_slow(daggerboard, tmp_path / "enough")
    web = daggerboard.pid_of("web")

    daggerboard.kill("web", signal.SIGSTOP)
    went = datetime.datetime.now(datetime.UTC)
    away_for(seconds=20)
    back = datetime.datetime.now(datetime.UTC)
    daggerboard.kill("web", signal.SIGCONT)
    (tmp_path / "enough").touch()

    assert daggerboard.pid_of("web") == web
    assert daggerboard.wait_status(run_id)["status"] == "SUCCESS"
    with daggerboard.client as client:
        events = list(client.pages(f"runs/{run_id}/events/", limit=500))
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    assert_lines_are_whole(events, went, back)


def assert_lines_are_whole(events: list[dict[str, Any]], went: datetime.datetime, back: datetime.datetime) -> None:
    """No line is missing, and those of the time of the outage are among them."""
    lines = [event for event in events if event["message"].startswith("line ")]
    assert [line["message"] for line in lines] == [f"line {n}" for n in range(len(lines))]
    assert [line for line in lines if went < datetime.datetime.fromisoformat(line["at"]) < back]


def away_for(*, seconds: float) -> None:
    """An outage has a length: the one thing that cannot be waited for otherwise."""
    signal.sigtimedwait([], seconds)
