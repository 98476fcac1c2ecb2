"""A run from launch to its last byte, and everything an end can look like."""

import time

import pytest

from tests.agent.conftest import ended, gone, loaded, location, logs_closed, message_seen, script, sequence
from tests.waiting import eventually


def test_run_succeeds_with_events_in_order_and_logs(plane, agent):
    attempt = plane.launch("v1", run_config=script(("print", "out"), ("log", "hi"), "success"))

    assert ended(attempt)["reason"] == "finished"
    assert attempt.types == ["AGENT_STARTED", "PIPELINE_START", "LOG", "PIPELINE_SUCCESS", "AGENT_EXITED"]
    assert sequence(attempt) == [1, 2, 3, 4, 5]
    assert dict(logs_closed(attempt)) == {("step", "stdout"): b"out"}
    eventually(lambda: list(agent.home.glob("attempts/*")), lambda rest: rest == [])


def test_started_event_says_how(plane, agent):
    attempt = plane.launch("v1")

    ended(attempt)

    assert attempt.events[0]["data"]["mode"] == "warm"
    assert attempt.events[0]["data"]["pid"] > 1


def test_environment_of_a_run_holds_its_token_and_nothing_of_the_agents(plane, new_agent, tmp_path):
    plane.serve(location("v1", env={"LOCATION_VARIABLE": "2"}))
    agent = new_agent()
    agent.env = {"DAGGERBOARD_AGENT_TOKEN": "canary", "DAGGERBOARD_SECRET_KEY": "canary", "MY_OWN": "1"}
    agent.start()
    seen = tmp_path / "environment"

    ended(plane.launch("v1", env={"FROM_LAUNCH": "3"}, run_config=script(("tell_env", str(seen)), "success")))

    lines = seen.read_text().splitlines()
    assert {
        "MY_OWN=1",
        "LOCATION_VARIABLE=2",
        "FROM_LAUNCH=3",
        "DAGGERBOARD_RUN_TOKEN=run-token",
        "DAGGERBOARD_DEPLOYMENT=prod",
    } <= set(lines)
    assert "canary" not in seen.read_text()
    assert "agent-token-for-tests" not in seen.read_text()


@pytest.mark.parametrize(
    ("step", "reason", "says"),
    [
        (("exit", 3), "crashed", "exited with code 3"),
        (("signal", 11), "killed_by_signal", "signal 11 (SIGSEGV)"),
        (("exit", 0), "crashed", "exited with code 0"),
    ],
)
def test_end_without_outcome_is_explained(plane, agent, step, reason, says):
    attempt = plane.launch("v1", run_config=script(step))

    assert ended(attempt)["reason"] == reason
    assert says in attempt.events[-1]["message"]


def test_failed_run_is_finished_for_the_agent(plane, agent):
    attempt = plane.launch("v1", run_config=script("failure"))

    assert ended(attempt)["reason"] == "finished"


def test_what_a_run_leaves_behind_is_ended(plane, agent, tmp_path):
    note = tmp_path / "pid"

    ended(plane.launch("v1", run_config=script(("leave_behind", str(note)), "success")))

    pid = int(note.read_text())
    gone(pid)


def test_code_that_does_not_load_ends_its_runs_with_the_users_error(plane, new_agent):
    plane.serve(location("v1", "fails"))
    new_agent().start()
    loaded(plane, "v1", "failed")

    attempt = plane.launch("v1")

    assert ended(attempt)["reason"] == "code_not_loaded"
    assert attempt.types == ["AGENT_EXITED"]
    assert attempt.events[-1]["error"]["message"] == "no module named nonsense"


def test_run_that_waits_too_long_for_its_code_times_out(plane, new_agent):
    plane.serve(location("v1", "slow:3600"))
    new_agent().start()

    attempt = plane.launch("v1", start_timeout=0.5)

    assert ended(attempt)["reason"] == "start_timeout"
    assert "not ready within" in attempt.events[-1]["message"]


def test_run_starts_while_its_code_is_still_loading(plane, new_agent):
    plane.serve(location("v1", "slow:0.7"))
    new_agent().start()

    attempt = plane.launch("v1")

    assert ended(attempt)["reason"] == "finished"


def test_hung_fork_is_started_again_cold_and_its_location_demoted(plane, new_agent):
    plane.serve(location("v1"))
    new_agent(start_watchdog=1).start()
    loaded(plane, "v1")
    attempt = plane.launch("v1", run_config={"script": [["hang_if_warm", None], ["success", None]]})

    assert ended(attempt)["reason"] == "finished"
    assert [event["data"]["mode"] for event in attempt.events if event["type"] == "AGENT_STARTED"] == ["warm", "cold"]
    assert "no event within 1 s" in attempt.events[1]["data"]["mode_reason"]
    report = eventually(lambda: plane.reports[-1], lambda one: one.mode == "lukewarm")
    assert "no event within 1 s" in report.mode_reason


def test_a_slow_but_talking_fork_is_left_alone(plane, new_agent, tmp_path):
    plane.serve(location("v1"))
    new_agent(start_watchdog=4).start()
    loaded(plane, "v1")
    go = tmp_path / "go"
    attempt = plane.launch("v1", run_config=script(("wait_file", str(go)), "success"))
    eventually(lambda: attempt.types, lambda types: "PIPELINE_START" in types)

    patience_is_over = time.monotonic() + 4.5
    eventually(time.monotonic, lambda now: now > patience_is_over)
    go.touch()

    assert ended(attempt)["reason"] == "finished"
    assert attempt.types.count("AGENT_STARTED") == 1


def test_slots_are_never_exceeded_and_always_refilled(plane, new_agent, tmp_path):
    plane.serve(location("v1"))
    new_agent(slots=2).start()
    marks = [tmp_path / str(number) for number in range(5)]
    runs = [plane.launch("v1", run_config=script(("wait_file", str(mark)), "success")) for mark in marks]

    # Each end makes room for one: those that have ended and two more have started, and never another.
    for over in range(5):
        started = eventually(
            lambda: [run for run in runs if "PIPELINE_START" in run.types],
            lambda found, over=over: len(found) == min(5, over + 2),
        )
        going = next(run for run in started if not run.exited)
        marks[runs.index(going)].touch()
        ended(going)

    assert [run.exited["reason"] for run in runs] == ["finished"] * 5


def test_one_free_slot_of_many_is_refilled_as_well(plane, new_agent, tmp_path):
    plane.serve(location("v1"))
    new_agent(slots=8).start()
    marks = [tmp_path / str(number) for number in range(9)]
    runs = [plane.launch("v1", run_config=script(("wait_file", str(mark)), "success")) for mark in marks]
    eventually(lambda: [run for run in runs if "PIPELINE_START" in run.types], lambda started: len(started) == 8)
    [waiting] = [run for run in runs if "PIPELINE_START" not in run.types]

    # It asks for company's sake a moment later, but it asks.
    marks[next(number for number, run in enumerate(runs) if run is not waiting)].touch()

    eventually(lambda: "PIPELINE_START" in waiting.types, bool)
    for mark in marks:
        mark.touch()
    assert [ended(run)["reason"] for run in runs] == ["finished"] * 9


def test_reads_of_a_run_are_answered_by_the_control_plane(plane, agent):
    attempt = plane.launch("v1", run_config=script(("read", "get_asset_records"), "success"))

    ended(attempt)

    assert attempt.messages == ["{'method': 'get_asset_records', 'args': {'a': 1}}"]
    assert plane.reads[0].run == attempt.ref


def test_reads_wait_for_a_control_plane_that_is_away(plane, agent):
    plane.faults.status("read", 503, times=3)

    attempt = plane.launch("v1", run_config=script(("read", "get_asset_records"), "success"))

    message_seen(attempt, "get_asset_records")
    assert ended(attempt)["reason"] == "finished"
