"""A run that the kernel killed for memory says so."""

import os
from pathlib import Path

import pytest

from tests.agent.conftest import ended, script


@pytest.fixture
def tight_memory():
    """A control group of 64 MB that a process can join."""
    for root, limit in (
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
        (Path("/sys/fs/cgroup"), "memory.max"),
    ):
        group = root / f"daggerboard-test-{os.getpid()}"
        try:
            group.mkdir()
            (group / limit).write_text(str(64 * 1024 * 1024))
        except OSError:
            if group.is_dir():
                group.rmdir()
            continue
        yield group
        group.rmdir()
        return
    pytest.skip("making control groups needs privileges this machine does not give")


def test_out_of_memory_is_told_from_other_kills(plane, agent, tight_memory):
    steps = (("join", str(tight_memory / "cgroup.procs")), ("eat_memory", 256))
    attempt = plane.launch("v1", run_config=script(*steps))

    assert ended(attempt)["reason"] == "out_of_memory"
    assert "memory ran out" in attempt.events[-1]["message"]


def test_a_kill_by_somebody_is_not_taken_for_memory(plane, agent):
    attempt = plane.launch("v1", run_config=script(("signal", 9)))

    assert ended(attempt)["reason"] == "killed_by_signal"
