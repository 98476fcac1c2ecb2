"""Delivery repeats, replies get lost, the control plane stumbles: effects stay the same (promises R1, R4, R6)."""

import time

import msgspec
import pytest

from tests.agent.conftest import ended, loaded, location, logs_closed, message_seen, script, sequence
from tests.agent.faults import RefusedError
from tests.waiting import eventually

ENDPOINTS = ["register", "poll", "heartbeat", "events", "logs", "locations", "definitions", "results", "read"]


def test_launch_delivered_again_and_again_starts_once(plane, agent, tmp_path):
    plane.never_accept = True
    trace = tmp_path / "trace"

    attempt = plane.launch("v1", run_config=script(("mark", str(trace)), "success"))
    ended(attempt)
    eventually(lambda: list(agent.home.glob("attempts/*")), lambda rest: rest == [])
    delivered = plane.delivered[attempt.launch.command_id]
    eventually(lambda: plane.delivered[attempt.launch.command_id], lambda times: times >= delivered + 5)

    assert trace.read_text() == "ran\n"
    assert attempt.types[-1] == "AGENT_EXITED"


def test_same_attempt_in_another_command_starts_once(plane, agent, tmp_path):
    trace = tmp_path / "trace"
    attempt = plane.launch("v1", run_config=script(("mark", str(trace)), "success"))
    ended(attempt)
    eventually(lambda: list(agent.home.glob("attempts/*")), lambda rest: rest == [])

    plane.send(msgspec.structs.replace(attempt.launch, command_id="again"))
    eventually(lambda: plane.accepted, lambda ids: "again" in ids)
    ended(plane.launch("v1"))

    assert trace.read_text() == "ran\n"


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_dropped_reply_changes_nothing(plane, new_agent, endpoint):
    plane.serve(location("v1"))
    plane.faults.drop_reply(endpoint)
    agent = new_agent().start()
    loaded(plane, "v1")
    call = plane.call("v1", "echo", {"x": 1})
    attempt = plane.launch("v1", run_config=script(("print", "out"), ("read", "get"), ("log", "hi"), "success"))

    assert ended(attempt)["reason"] == "finished"
    assert attempt.types == ["AGENT_STARTED", "PIPELINE_START", "LOG", "LOG", "PIPELINE_SUCCESS", "AGENT_EXITED"]
    assert logs_closed(attempt)["step", "stdout"] == b"out"
    assert eventually(lambda: plane.results.get(call), bool).result == {"echo": {"x": 1}}
    eventually(lambda: plane.faults.injected, lambda injected: injected == 1)
    assert agent.process.poll() is None


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_stumbling_control_plane_changes_nothing(plane, new_agent, endpoint):
    plane.serve(location("v1"))
    plane.faults.status(endpoint, 503, times=2, retry_after=0.05)
    plane.faults.drop_request(endpoint, times=1)
    new_agent().start()
    loaded(plane, "v1")
    call = plane.call("v1", "echo", {})
    attempt = plane.launch("v1", run_config=script(("print", "out"), ("read", "get"), "success"))

    assert ended(attempt)["reason"] == "finished"
    assert sequence(attempt) == list(range(1, 6))
    assert logs_closed(attempt)["step", "stdout"] == b"out"
    eventually(lambda: plane.results.get(call), bool)
    # A quick run needs no third heartbeat.
    eventually(lambda: plane.faults.injected, lambda injected: injected == 3 or endpoint == "heartbeat")


def test_retry_after_is_obeyed(plane, agent):
    plane.faults.status("events", 429, times=1, retry_after=1.0)
    asked_at = time.monotonic()

    attempt = plane.launch("v1")
    ended(attempt)

    assert time.monotonic() - asked_at >= 1.0


def test_a_refused_event_is_replaced_and_holds_up_nothing(plane, agent):
    refuse_events_with(plane, "poison")

    attempt = plane.launch("v1", run_config=script(("log", "before"), ("log", "poison"), ("log", "after"), "success"))

    assert ended(attempt)["reason"] == "finished"
    assert [attempt.messages[0], attempt.messages[2]] == ["before", "after"]
    assert "could not be stored" in attempt.messages[1]


def test_too_large_batches_are_halved(plane, agent):
    refuse_batches_above(plane, 10)

    attempt = plane.launch("v1", run_config=script(("logs", 100), "success"))

    assert ended(attempt)["reason"] == "finished"
    assert attempt.messages == [f"line {number}" for number in range(100)]


def test_partly_stored_batches_are_continued_where_they_stopped(plane, agent):
    plane.store_at_most = 3

    attempt = plane.launch("v1", run_config=script(("logs", 50), "success"))

    assert ended(attempt)["reason"] == "finished"
    assert attempt.messages == [f"line {number}" for number in range(50)]


def test_events_of_ten_thousand_lines_arrive_in_order(plane, agent):
    attempt = plane.launch("v1", run_config=script(("logs", 10_000), "success"))

    assert ended(attempt)["reason"] == "finished"
    assert sequence(attempt) == list(range(1, 10_005))
    assert attempt.messages[-1] == "line 9999"


def test_control_plane_that_goes_away_gets_everything_when_it_is_back(plane, agent, tmp_path):
    go = tmp_path / "go"
    attempt = plane.launch("v1", run_config=script(("ticks_until", str(go)), "success"))
    message_seen(attempt, "tick 3")
    port = plane.port
    plane.stop()
    go.touch()
    eventually(lambda: agent.logged("attempt.ended"), bool)

    plane.start(port)

    assert ended(attempt)["reason"] == "finished"
    ticks = int(attempt.messages[-1].removeprefix("ticks "))
    assert attempt.messages[:-1] == [f"tick {number}" for number in range(ticks)]
    assert sequence(attempt) == list(range(1, len(attempt.events) + 1))


def test_proxy_page_instead_of_an_answer_is_retried(plane, agent):
    original, plane.heartbeat = plane.heartbeat, lambda message: b"<html>Please log in</html>"
    attempt = plane.launch("v1", run_config=script(("sleep_ticks", 40), "success"))
    eventually(
        lambda: agent.logged("request.failed"), lambda lines: any("something else" in line["error"] for line in lines)
    )
    plane.heartbeat = original

    assert ended(attempt)["reason"] == "finished"


def refuse_events_with(plane, text):
    events = plane.events

    def refusing(message):
        if any(event.message == text for part in message.attempts for event in part.events):
            raise RefusedError(400, "invalid")
        return events(message)

    plane.events = refusing


def refuse_batches_above(plane, count):
    events = plane.events

    def refusing(message):
        if sum(len(part.events) for part in message.attempts) > count:
            raise RefusedError(413, "too_large")
        return events(message)

    plane.events = refusing
