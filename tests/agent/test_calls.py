"""Short questions to user code."""

import time

import psutil
import pytest

from tests.agent.conftest import location
from tests.waiting import eventually


def answer(plane, call):
    return eventually(lambda: plane.results.get(call), bool)


def test_call_is_answered(plane, agent):
    call = plane.call("v1", "validate_run_config", {"job": "a"})

    assert answer(plane, call).result == {"echo": {"job": "a"}}


def test_call_that_takes_too_long_is_ended_with_its_process(plane, agent):
    call = plane.call("v1", "sleep", {}, timeout=0.5)

    assert "longer than 0.5 s" in answer(plane, call).error.message
    worker = psutil.Process(agent.process.pid).children()[0]
    eventually(worker.children, lambda left: left == [])


def test_call_whose_process_dies_says_so(plane, agent):
    call = plane.call("v1", "crash", {})

    assert "exit code 9" in answer(plane, call).error.message


def test_call_to_code_that_does_not_load_answers_the_users_error(plane, new_agent):
    plane.serve(location("v1", "fails"))
    new_agent().start()

    assert answer(plane, plane.call("v1", "echo", {})).error.message == "no module named nonsense"


def test_calls_do_not_take_slots(plane, new_agent):
    plane.serve(location("v1"))
    new_agent(slots=1).start()
    calls = [plane.call("v1", "echo", {"n": number}) for number in range(10)]

    assert [answer(plane, call).result["echo"]["n"] for call in calls] == list(range(10))


def test_those_that_hang_keep_nobody_waiting(plane, new_agent):
    plane.serve(location("v1"))
    new_agent(calls_at_once=1).start()
    asked_at = time.monotonic()
    hanging = [plane.call("v1", "sleep", {}, timeout=200) for _ in range(2)]

    assert answer(plane, plane.call("v1", "echo", {"n": 1})).result == {"echo": {"n": 1}}
    # Each had its turn, and no more than that.
    assert time.monotonic() - asked_at > 3
    assert not any(one in plane.results for one in hanging)


def test_answers_that_come_while_one_is_posted_are_posted_together(plane, agent, tmp_path):
    trace = tmp_path / "trace"
    posting = plane.faults.hold("results")
    calls = [plane.call("v1", "echo", {"n": number, "trace": str(trace)}) for number in range(8)]
    eventually(lambda: trace.read_text().splitlines() if trace.exists() else [], lambda lines: len(lines) == 8)
    posting.set()

    assert [answer(plane, call).result["echo"]["n"] for call in calls] == list(range(8))
    assert plane.together


def test_a_control_plane_that_takes_no_answers_together_gets_each_alone(plane, agent):
    plane.faults.status("results/many", 404, times=100)
    plane.faults.delay("results", 0.3)
    calls = [plane.call("v1", "echo", {"n": number}) for number in range(8)]

    assert [answer(plane, call).result["echo"]["n"] for call in calls] == list(range(8))
    assert plane.together == []


@pytest.mark.parametrize("command_id", ["../../etc/x", "", "a/b"])
def test_command_ids_cannot_leave_the_folder(plane, agent, command_id):
    from agent.protocol import Call

    plane.send(Call(command_id=command_id, version_id="v1", op="echo", args={}, timeout=5))

    eventually(lambda: agent.logged("command.refused"), bool)
    assert agent.process.poll() is None
