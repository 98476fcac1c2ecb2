"""kill -9 of the agent, and of code workers: runs go on and are taken over (promise R1)."""

import json
import os
import signal

import msgspec
import pytest

from agent.protocol import AGENT_RESTARTED
from tests.agent.conftest import ended, gone, loaded, location, logs_closed, message_seen, script, sequence
from tests.waiting import eventually


def test_run_survives_its_agent_and_is_adopted(plane, agent, tmp_path):
    go = tmp_path / "go"
    attempt = plane.launch("v1", run_config=script(("ticks_until", str(go)), ("print", "bye"), "success"))
    message_seen(attempt, "tick 3")
    for _ in range(3):
        agent.kill9()
        agent.start()
        message_seen(attempt, f"tick {len(attempt.messages) + 3}")

    go.touch()

    assert ended(attempt)["reason"] == "finished"
    ticks = int(attempt.messages[-1].removeprefix("ticks "))
    assert attempt.messages[:-1] == [f"tick {number}" for number in range(ticks)]
    assert sequence(attempt) == list(range(1, len(attempt.events) + 1))
    assert attempt.types.count("AGENT_STARTED") == 1
    assert logs_closed(attempt)["step", "stdout"] == b"bye"


def test_run_that_ends_while_its_agent_is_down_is_judged_by_its_events(plane, agent, tmp_path):
    done = tmp_path / "pid"
    attempt = plane.launch("v1", run_config=script(("wait_file", str(tmp_path / "go")), "success"))
    pid = eventually(lambda: attempt.events, bool)[0]["data"]["pid"]
    eventually(lambda: attempt.types, lambda types: "PIPELINE_START" in types)
    agent.kill9()
    os.kill(pid, signal.SIGKILL)
    done.touch()
    gone(pid)
    agent.start()

    end = ended(attempt)

    assert (end["reason"], end["exit_code"], end["signal"]) == ("crashed", None, None)
    assert "while the agent was not running" in attempt.events[-1]["message"]


def test_success_that_was_spooled_but_not_sent_counts(plane, agent, tmp_path):
    go = tmp_path / "go"
    attempt = plane.launch("v1", run_config=script(("wait_file", str(go)), "success"))
    eventually(lambda: attempt.types, lambda types: "PIPELINE_START" in types)
    pid = attempt.events[0]["data"]["pid"]
    plane.faults.drop_request("events")
    go.touch()
    gone(pid)
    agent.kill9()
    plane.faults.clear()
    agent.start()

    assert ended(attempt)["reason"] == "finished"
    assert attempt.types == ["AGENT_STARTED", "PIPELINE_START", "PIPELINE_SUCCESS", "AGENT_EXITED"]


def test_launch_that_was_accepted_but_not_started_is_started_after_the_crash(plane, new_agent, tmp_path):
    go = tmp_path / "go"
    plane.serve(location("v1", f"waits-for:{go}"))
    agent = new_agent().start()
    attempt = plane.launch("v1")
    eventually(lambda: list(agent.home.glob("attempts/*/launch.json")), bool)
    agent.kill9()
    go.touch()
    agent.start()

    assert ended(attempt)["reason"] == "finished"
    assert attempt.types.count("AGENT_STARTED") == 1


def test_start_that_was_interrupted_is_not_repeated(plane, new_agent, tmp_path):
    """Between `starting` and `started` nobody knows; at most once means: no."""
    plane.serve(location("v1"))
    agent = new_agent().start()
    attempt = plane.launch("v1", run_config=script(("wait_file", str(tmp_path / "never"))))
    eventually(lambda: attempt.types, bool)
    agent.kill9()
    os.kill(attempt.events[0]["data"]["pid"], signal.SIGKILL)
    state = next(agent.home.glob("attempts/*/state.json"))
    state.write_text(
        json.dumps({**json.loads(state.read_text()), "phase": "starting", "pid": None, "start_ticks": None})
    )
    agent.start()

    assert ended(attempt)["reason"] == "crashed"
    assert "start was interrupted" in attempt.events[-1]["message"]
    assert attempt.types.count("AGENT_STARTED") == 1


def test_start_that_was_interrupted_before_the_fork_is_made_up_for(plane, agent, tmp_path):
    attempt = plane.launch("v1", run_config=script(("wait_file", str(tmp_path / "go")), "success"))
    worker = eventually(lambda: attempt.events, bool)[0]["data"]["worker_pid"]
    agent.kill9()
    os.kill(attempt.events[0]["data"]["pid"], signal.SIGKILL)
    state = next(agent.home.glob("attempts/*/state.json"))
    assert json.loads(state.read_text())["starter_pid"] == worker
    state.write_text(
        json.dumps({**json.loads(state.read_text()), "phase": "starting", "pid": None, "start_ticks": None})
    )
    (state.parent / "unforked").touch()
    (tmp_path / "go").touch()
    agent.start()

    assert ended(attempt)["reason"] == "finished"


def test_run_whose_start_was_never_confirmed_is_adopted_when_it_says_hello(plane, agent, tmp_path):
    go = tmp_path / "go"
    attempt = plane.launch("v1", run_config=script(("ticks_until", str(go)), "success"))
    message_seen(attempt, "tick 1")
    agent.kill9()
    state = next(agent.home.glob("attempts/*/state.json"))
    state.write_text(
        json.dumps({**json.loads(state.read_text()), "phase": "starting", "pid": None, "start_ticks": None})
    )
    agent.start()
    message_seen(attempt, f"tick {len(attempt.messages) + 3}")
    go.touch()

    assert ended(attempt)["reason"] == "finished"


def test_redelivered_launch_is_known_after_a_restart(plane, agent, tmp_path):
    plane.never_accept = True
    trace = tmp_path / "trace"
    attempt = plane.launch("v1", run_config=script(("mark", str(trace)), "success"))
    ended(attempt)
    eventually(lambda: list(agent.home.glob("attempts/*")), lambda rest: rest == [])
    agent.kill9()
    agent.start()
    polls = len(plane.polls)
    eventually(lambda: len(plane.polls), lambda count: count > polls + 5)
    ended(plane.launch("v1"))

    assert trace.read_text() == "ran\n"


def test_call_that_was_under_way_is_answered_after_a_restart(plane, agent):
    call = plane.call("v1", "sleep", {}, timeout=60)
    eventually(lambda: plane.accepted, lambda ids: call in ids)
    agent.kill9()
    agent.start()

    assert eventually(lambda: plane.results.get(call), bool).error.cls == AGENT_RESTARTED


def test_dead_worker_is_replaced_and_its_runs_go_on(plane, agent, tmp_path):
    go = tmp_path / "go"
    attempt = plane.launch("v1", run_config=script(("wait_file", str(go)), ("exit", 5)))
    started = eventually(lambda: attempt.events, bool)[0]["data"]
    eventually(lambda: attempt.types, lambda types: "PIPELINE_START" in types)
    os.kill(started["worker_pid"], signal.SIGKILL)
    after = plane.launch("v1")

    assert ended(after)["reason"] == "finished"
    assert after.events[0]["data"]["worker_pid"] != started["worker_pid"]
    go.touch()
    end = ended(attempt)
    assert (end["reason"], end["exit_code"]) == ("crashed", 5)


def test_worker_that_dies_of_a_run_before_forking_is_tried_again(plane, agent):
    attempt = plane.launch("v1", run_config={"die_on_fork": True})

    assert ended(attempt)["reason"] == "finished"
    assert attempt.types.count("AGENT_STARTED") == 1
    assert agent.logged("attempt.start_repeated")


def test_power_cut_that_took_the_spools_tail_is_noticed(plane, agent, tmp_path):
    attempt = plane.launch("v1", run_config=script(("logs", 20), ("wait_file", str(tmp_path / "never"))))
    message_seen(attempt, "line 19")
    agent.kill9()
    os.kill(attempt.events[0]["data"]["pid"], signal.SIGKILL)
    pretend_reboot(agent, lose_events_after=10)
    agent.start()

    assert ended(attempt)["reason"] == "crashed"
    assert "machine restarted" in attempt.events[-1]["message"]
    assert sequence(attempt) == list(range(1, 24))


def pretend_reboot(agent, lose_events_after):
    folder = next(agent.home.glob("attempts/*"))
    launch = msgspec.json.decode((folder / "launch.json").read_bytes())
    (folder / "launch.json").write_bytes(msgspec.json.encode({**launch, "boot_id": "an earlier boot"}))
    spool = next(folder.glob("events.*.jsonl"))
    lines = spool.read_bytes().splitlines(keepends=True)
    spool.write_bytes(b"".join(lines[: 2 * lose_events_after]))
    (folder / "acknowledged").unlink(missing_ok=True)


@pytest.mark.parametrize("seed", range(3))
def test_agent_killed_at_random_during_many_runs_loses_and_doubles_nothing(plane, new_agent, seed):
    import random
    import time

    plane.serve(location("v1"))
    agent = new_agent(slots=8).start()
    loaded(plane, "v1")
    chance = random.Random(seed)
    runs = [
        plane.launch("v1", run_config=script(("logs", 30), ("sleep_ticks", 10), ("logs", 30), "success"))
        for _ in range(25)
    ]
    for _ in range(5):
        time.sleep(chance.uniform(0.05, 0.6))
        agent.kill9()
        agent.start()

    for run in runs:
        ended(run)
        assert sequence(run) == list(range(1, len(run.events) + 1))
        assert run.types.count("AGENT_EXITED") == 1
        if run.exited["reason"] == "finished":
            assert run.messages == [f"line {number}" for number in range(30)] * 2
    # A run may only be lost while it starts, which takes long on a busy machine, and then it says so.
    lost = [run for run in runs if run.exited["reason"] != "finished"]
    assert [run.messages for run in lost if run.messages] == []
    assert {run.exited["reason"] for run in lost} <= {"crashed"}
    assert len(lost) < len(runs)
