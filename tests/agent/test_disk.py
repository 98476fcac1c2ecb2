"""A full disk delays runs and loses nothing (promise R10)."""

import contextlib
import subprocess

import pytest

from tests.agent.conftest import ended, loaded, location, message_seen, script, sequence
from tests.waiting import eventually


@pytest.fixture
def small_disk(tmp_path):
    """A file system of four megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=False, capture_output=True
    ).returncode:
        pytest.skip("mounting needs privileges this machine does not give")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def cramped(plane, new_agent, small_disk):
    """An agent whose home is on the small disk."""
    plane.serve(location("v1"))
    agent = new_agent()
    agent.home = small_disk / "home"
    agent.start()
    loaded(plane, "v1")
    return agent


def fill(folder):
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return ballast


def test_run_waits_while_the_disk_is_full_and_loses_nothing(plane, cramped, small_disk, tmp_path):
    go = tmp_path / "go"
    attempt = plane.launch("v1", run_config=script(("log", "up"), ("wait_file", str(go)), ("logs", 500), "success"))
    message_seen(attempt, "up")
    ballast = fill(small_disk)
    go.touch()
    eventually(lambda: cramped.logged("disk.full"), bool)
    assert cramped.process.poll() is None

    ballast.unlink()

    assert ended(attempt)["reason"] == "finished"
    assert attempt.messages[1:] == [f"line {number}" for number in range(500)]
    assert sequence(attempt) == list(range(1, len(attempt.events) + 1))


def test_other_loops_go_on_while_a_run_waits_for_the_disk(plane, cramped, small_disk, tmp_path):
    go = tmp_path / "go"
    attempt = plane.launch("v1", run_config=script(("log", "up"), ("wait_file", str(go)), ("logs", 500), "success"))
    message_seen(attempt, "up")
    ballast = fill(small_disk)
    go.touch()
    eventually(lambda: cramped.logged("disk.full"), bool)
    beats = len(plane.heartbeats)

    eventually(lambda: len(plane.heartbeats), lambda count: count >= beats + 3)

    ballast.unlink()
    ended(attempt)


def test_no_new_runs_are_taken_while_room_is_low(plane, new_agent):
    plane.serve(location("v1"))
    agent = new_agent(disk_reserve_mb=10**9).start()
    eventually(lambda: agent.logged("disk.low"), bool)

    eventually(lambda: plane.polls, lambda polls: bool(polls) and polls[-1].free_slots == 0)
