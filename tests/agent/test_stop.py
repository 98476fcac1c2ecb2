"""The first signal drains, the second cancels; refusals end the agent; two agents never share a home."""

import signal

import msgspec
import psutil

from tests.agent.conftest import ended, gone, loaded, location, script
from tests.waiting import eventually


def waiting_run(plane, go):
    attempt = plane.launch("v1", run_config=script(("obey_cancel", str(go)), "success"))
    eventually(lambda: attempt.types, lambda types: "PIPELINE_START" in types)
    return attempt


def test_first_signal_takes_nothing_new_finishes_what_runs_and_says_goodbye(plane, agent, tmp_path):
    go = tmp_path / "go"
    attempt = waiting_run(plane, go)
    agent.terminate()
    assert eventually(lambda: plane.polls[-1], lambda poll: poll.draining).free_slots == 0
    late = plane.launch("v1")
    beats = len(plane.heartbeats)
    eventually(lambda: len(plane.heartbeats), lambda count: count >= beats + 3)
    go.touch()

    assert agent.wait() == 0
    assert attempt.exited["reason"] == "finished"
    assert late.events == []
    assert [goodbye.handing_over for goodbye in plane.goodbyes] == [[]]


def test_second_signal_cancels_what_runs(plane, agent, tmp_path):
    attempt = waiting_run(plane, tmp_path / "never")
    agent.terminate()
    eventually(lambda: agent.logged("agent.draining"), bool)
    agent.terminate()

    assert agent.wait() == 0
    assert attempt.types[-2:] == ["PIPELINE_CANCELED", "AGENT_EXITED"]


def test_idle_agent_stops_at_once_and_takes_its_workers_along(plane, new_agent):
    plane.timing = msgspec.structs.replace(plane.timing, poll_wait=1000)
    plane.serve(location("v1"))
    agent = new_agent().start()
    loaded(plane, "v1")
    workers = psutil.Process(agent.process.pid).children()
    agent.process.send_signal(signal.SIGINT)

    # It waits for no poll to end.
    assert agent.wait() == 0
    eventually(lambda: [worker for worker in workers if worker.is_running()], lambda left: left == [])


def test_unknown_token_ends_an_agent_without_runs(plane, new_agent):
    plane.token = "another"
    agent = new_agent().start()

    assert agent.wait() == 3
    assert "token" in agent.logged("agent.refused")[0]["advice"]


def test_agent_whose_name_was_taken_by_another_process_stops(plane, agent):
    plane.faults.status("poll", 409, times=1000, code="superseded")

    assert agent.wait() == 3
    assert "another --name" in agent.logged("agent.refused")[0]["advice"]


def test_revoked_token_ends_runs_only_with_their_leases(plane, short_leases, agent, tmp_path):
    attempt = waiting_run(plane, tmp_path / "never")
    pid = attempt.events[0]["data"]["pid"]
    plane.token = "another"

    gone(pid)
    assert agent.logged("attempt.lease_lost")[0]["seconds_since_renewal"] >= short_leases


def test_replaced_token_file_is_read_without_a_restart(plane, agent, tmp_path):
    go = tmp_path / "go"
    attempt = waiting_run(plane, go)
    plane.token = "new-token"
    eventually(lambda: agent.logged("request.failed"), bool)
    agent.token_file.write_text("new-token\n")
    go.touch()

    assert ended(attempt)["reason"] == "finished"


def test_forgotten_agent_registers_again(plane, agent):
    plane.faults.status("poll", 404)

    eventually(lambda: len(plane.registrations), lambda count: count == 2)
    assert ended(plane.launch("v1"))["reason"] == "finished"


def test_second_agent_on_the_same_home_says_so(plane, agent, new_agent):
    second = new_agent()
    second.home = agent.home
    second.start()

    assert second.wait() == 2
    assert "Another agent uses the home folder" in (second.folder / "agent.log").read_text()


def test_drain_waits_for_what_is_not_stored_yet(plane, agent, tmp_path):
    go = tmp_path / "go"
    attempt = waiting_run(plane, go)
    plane.faults.drop_request("events")
    agent.terminate()
    go.touch()
    eventually(lambda: agent.logged("attempt.ended"), bool)
    assert agent.process.poll() is None
    plane.faults.clear()

    assert agent.wait() == 0
    assert attempt.exited["reason"] == "finished"


def test_location_is_served_again_after_a_restart(plane, agent):
    agent.terminate()
    agent.wait()
    plane.serve(location("v1"))
    agent.start()

    assert ended(plane.launch("v1"))["reason"] == "finished"


def test_loop_that_dies_takes_the_agent_with_it_loudly(plane, agent, tmp_path):
    """A folder of the agent's own is taken away under it: nothing it could handle, so its supervisor must hear of it."""
    attempts = agent.home / "attempts"
    attempts.rmdir()
    attempts.touch()

    plane.launch("v1")

    assert agent.wait() == 70
    assert "NotADirectoryError" in agent.logged("agent.crashed")[0]["traceback"]


def test_clock_that_is_wrong_is_only_a_warning(plane, new_agent):
    plane.clock_ahead = 3 * 3600
    plane.serve(location("v1"))
    agent = new_agent().start()

    assert ended(plane.launch("v1"))["reason"] == "finished"
    assert agent.logged("agent.clock_skew")[0]["seconds"] < -10_000
