"""Cancelling: SIGINT, then SIGTERM, then SIGKILL; in every state of an attempt."""

import time

import pytest

from tests.agent.conftest import ended, location, script
from tests.waiting import eventually


def running(attempt):
    eventually(lambda: attempt.types, lambda types: "PIPELINE_START" in types)


def test_cancel_lets_dagster_end_the_run(plane, agent, tmp_path):
    attempt = plane.launch("v1", run_config=script(("obey_cancel", str(tmp_path / "never"))))
    running(attempt)

    plane.cancel(attempt)

    # Long before its grace is over.
    assert ended(attempt)["reason"] == "finished"
    assert attempt.types[-2:] == ["PIPELINE_CANCELED", "AGENT_EXITED"]


@pytest.mark.parametrize(("ignored", "signal", "seconds"), [(["SIGINT"], 15, 0.5), (["SIGINT", "SIGTERM"], 9, 1.0)])
def test_cancel_gets_harder_after_each_grace(plane, agent, tmp_path, ignored, signal, seconds):  # noqa: PLR0917
    attempt = plane.launch(
        "v1", run_config=script(("ignore", ignored), ("log", "deaf"), ("wait_file", str(tmp_path / "never")))
    )
    eventually(lambda: attempt.messages, bool)
    asked_at = time.monotonic()

    plane.cancel(attempt, grace=0.5)

    end = ended(attempt)
    assert (end["reason"], end["signal"]) == ("canceled", signal)
    assert time.monotonic() - asked_at >= seconds


def test_cancel_before_the_start_means_no_start(plane, new_agent):
    plane.serve(location("v1", "slow:3600"))
    agent = new_agent().start()
    attempt = plane.launch("v1")
    eventually(lambda: agent.logged("attempt.accepted"), bool)

    plane.cancel(attempt)

    assert ended(attempt)["reason"] == "canceled"
    assert attempt.types == ["AGENT_EXITED"]
    assert "before it started" in attempt.events[-1]["message"]


def test_cancel_heard_only_in_a_heartbeat_works(plane, agent, tmp_path):
    attempt = plane.launch("v1", run_config=script(("obey_cancel", str(tmp_path / "never"))))
    running(attempt)

    attempt.canceling = True

    ended(attempt)
    assert attempt.types[-2:] == ["PIPELINE_CANCELED", "AGENT_EXITED"]


def test_cancel_goes_on_after_a_crash_of_the_agent(plane, agent, tmp_path):
    steps = (("ignore", ["SIGINT"]), ("log", "deaf"), ("wait_file", str(tmp_path / "never")))
    attempt = plane.launch("v1", run_config=script(*steps))
    eventually(lambda: attempt.messages, bool)
    plane.cancel(attempt, grace=1.5)
    eventually(lambda: agent.logged("attempt.signalled"), bool)
    agent.kill9()
    agent.start()

    assert ended(attempt)["reason"] == "canceled"


def test_cancel_of_an_attempt_that_is_gone_is_accepted_and_harmless(plane, agent):
    attempt = plane.launch("v1")
    ended(attempt)

    plane.cancel(attempt)

    eventually(lambda: plane.commands, lambda commands: commands == {})
    assert ended(plane.launch("v1"))["reason"] == "finished"
