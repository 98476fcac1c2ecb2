"""Leases: renewed while we hold, ended here before anybody else may start (promises R2, R3, R5)."""

import os
import signal
import time

import psutil

from tests.agent.conftest import ended, gone, is_gone, message_seen, script
from tests.waiting import eventually


def pid_of(attempt):
    return eventually(lambda: attempt.events, bool)[0]["data"]["pid"]


def test_attempt_that_was_never_renewed_is_ended_when_its_lease_has_surely_run_out(
    plane, short_leases, agent, tmp_path
):
    plane.faults.drop_request("heartbeat")
    plane.faults.drop_request("events")
    attempt = plane.launch("v1", run_config=script(("wait_file", str(tmp_path / "never"))))

    [lost] = eventually(lambda: agent.logged("attempt.lease_lost"), bool)
    [end] = eventually(lambda: agent.logged("attempt.ended"), bool)
    plane.faults.clear()

    assert lost["seconds_since_renewal"] >= short_leases
    assert end["reason"] == ended(attempt)["reason"] == "lease_lost"


def test_renewed_attempt_outlives_an_outage_longer_than_its_lease(plane, short_leases, agent, tmp_path):
    go = tmp_path / "go"
    attempt = plane.launch("v1", run_config=script(("ticks_until", str(go)), "success"))
    message_seen(attempt, "tick 2")
    # The second says that the answer to the first has been read.
    eventually(lambda: len(plane.heartbeats), lambda beats: beats > 1)
    plane.faults.drop_request()
    healed_at = time.monotonic() + short_leases + 1.5
    eventually(time.monotonic, lambda now: now > healed_at)
    plane.faults.clear()
    go.touch()

    assert ended(attempt)["reason"] == "finished"


def test_lost_attempt_is_killed_and_nothing_of_it_is_sent(plane, agent, tmp_path):
    attempt = plane.launch("v1", run_config=script(("wait_file", str(tmp_path / "never"))))
    pid = pid_of(attempt)
    eventually(lambda: attempt.types, lambda types: "PIPELINE_START" in types)

    attempt.fenced = True

    gone(pid)
    assert agent.logged("attempt.lease_lost") == []
    eventually(lambda: list(agent.home.glob("attempts/*")), lambda rest: rest == [])
    assert attempt.types == ["AGENT_STARTED", "PIPELINE_START"]


def test_fenced_events_end_the_attempt_without_a_heartbeat(plane, agent, tmp_path):
    plane.faults.status("heartbeat", 503, times=1000)
    attempt = plane.launch("v1", run_config=script(("ticks_until", str(tmp_path / "never"))))
    message_seen(attempt, "tick 2")
    pid = pid_of(attempt)

    attempt.fenced = True

    gone(pid)
    assert agent.logged("attempt.lease_lost") == []


def test_agent_that_was_stopped_beyond_its_lease_ends_its_run_first(plane, short_leases, agent, tmp_path):
    attempt = plane.launch("v1", run_config=script(("ticks_until", str(tmp_path / "never"))))
    pid = pid_of(attempt)
    message_seen(attempt, "tick 2")
    agent.process.send_signal(signal.SIGSTOP)
    attempt.fenced = True
    until = time.monotonic() + short_leases + 0.5
    eventually(time.monotonic, lambda now: now > until)
    stored = len(attempt.events)
    agent.process.send_signal(signal.SIGCONT)

    gone(pid)
    assert len(attempt.events) == stored


def test_restarted_agent_ends_what_it_lost_meanwhile(plane, agent, tmp_path):
    attempt = plane.launch("v1", run_config=script(("ticks_until", str(tmp_path / "never"))))
    pid = pid_of(attempt)
    message_seen(attempt, "tick 2")
    agent.kill9()
    attempt.fenced = True
    assert psutil.pid_exists(pid)
    agent.start()

    gone(pid)
    eventually(lambda: list(agent.home.glob("attempts/*")), lambda rest: rest == [])


def test_heartbeats_name_everything_held_and_stop_when_nothing_is(plane, agent, tmp_path):
    go = tmp_path / "go"
    attempt = plane.launch("v1", run_config=script(("wait_file", str(go)), "success"))
    beats = eventually(lambda: plane.heartbeats, lambda beats: len(beats) >= 3)
    assert beats[-1].attempts == [attempt.ref]
    go.touch()
    ended(attempt)
    eventually(lambda: list(agent.home.glob("attempts/*")), lambda rest: rest == [])

    quiet = len(plane.heartbeats)
    polls = len(plane.polls)
    eventually(lambda: len(plane.polls), lambda count: count > polls + 1)
    assert len(plane.heartbeats) <= quiet + 1


def test_dead_process_with_a_reused_number_is_never_signalled(plane, agent, tmp_path):
    """The agent looks at start times: here it must not kill a process that only has the number of a run."""
    from agent.processes import kill_family, send_signal, start_ticks

    bystander = os.fork()
    if bystander == 0:
        time.sleep(60)
        os._exit(0)
    try:
        send_signal(bystander, start_ticks(bystander) - 1, signal.SIGKILL, group=True)
        kill_family(bystander, start_ticks(bystander) - 1)
        assert not is_gone(bystander)
    finally:
        os.kill(bystander, signal.SIGKILL)
        os.waitpid(bystander, 0)
