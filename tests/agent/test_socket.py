"""Children that break the contract harm only themselves."""

import contextlib
import json
import os
import socket
import time

import pytest

from agent.data_socket import LONGEST_PATH, socket_path
from tests.agent.conftest import ended, message_seen, script
from tests.waiting import eventually

LONE_SURROGATE = b'{"n":1,"key":"a:1","id":"x","op":"events","args":[{"ts":1,"type":"LOG","message":"\\ud800"}]}\n'


class Child:
    """A process that speaks to the data socket by itself."""

    opened: "list[Child]" = []

    def __init__(self, agent, subject):
        self.subject, self.count = subject, 0
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(100)
        self.connection.connect(str(socket_path(agent.home)))
        self.file = self.connection.makefile("rb")
        self.opened.append(self)

    def send(self, op, args=None, key=None):
        self.count += 1
        request = {
            "n": self.count,
            "key": key or f"{os.getpid()}.{id(self)}:{self.count}",
            "id": self.subject,
            "op": op,
            "args": args,
        }
        self.connection.sendall(json.dumps(request).encode() + b"\n")

    def ask(self, op, args=None, key=None):
        self.send(op, args, key)
        return json.loads(self.file.readline())

    def close(self):
        self.file.close()
        self.connection.close()

    def closed_by_agent(self):
        try:
            return self.file.readline() == b""
        except ConnectionResetError:
            return True


@pytest.fixture
def run(plane, agent, tmp_path):
    """A run that goes on until `go`."""
    attempt = plane.launch("v1", run_config=script(("log", "up"), ("wait_file", str(tmp_path / "go")), "success"))
    message_seen(attempt, "up")
    attempt.id = f"{attempt.ref.run_id}/1"
    attempt.go = tmp_path / "go"
    return attempt


def event(**fields):
    return {"ts": time.time(), "type": "LOG", "level": 20, "step": None, "message": "x", **fields}


def unharmed(plane, agent, run):
    while Child.opened:
        Child.opened.pop().close()
    run.go.touch()
    assert ended(run)["reason"] == "finished"
    assert agent.process.poll() is None


@pytest.mark.parametrize(
    "garbage",
    [
        b"not json\n",
        b"[1,2]\n",
        b'{"n":1}\n',
        b"[" * 100_000 + b"\n",
        b"\xff\xfe\n",
        LONE_SURROGATE,
        b'{"n":1,"key":"a\\nb","id":"x","op":"y"}\n',
    ],
)
def test_garbage_closes_that_connection_only(plane, agent, run, garbage):
    bad = Child(agent, run.id)

    bad.connection.sendall(garbage)

    assert bad.closed_by_agent()
    assert agent.logged("child.disconnected")
    unharmed(plane, agent, run)


def test_endless_line_closes_that_connection_only(plane, agent, run):
    bad = Child(agent, run.id)

    with pytest.raises(ConnectionError):
        bad.connection.sendall(b"x" * 20_000_000)

    assert "longer than" in eventually(lambda: agent.logged("child.disconnected"), bool)[0]["reason"]
    unharmed(plane, agent, run)


@pytest.mark.parametrize(
    "bad",
    [
        {"message": "no type"},
        event(type="AGENT_EXITED"),
        event(type="lower"),
        event(ts="now"),
        event(data=[1]),
        event(usage={"wall_seconds": "x"}),
    ],
)
def test_bad_events_are_refused_by_name_and_nothing_of_their_request_is_stored(plane, agent, run, bad):
    child = Child(agent, run.id)

    answer = child.ask("events", [event(message="good"), bad])

    assert answer["error"]["code"] == "invalid"
    assert child.ask("events", [event(message="later")]) == {"n": 2, "ok": {}}
    message_seen(run, "later")
    assert "good" not in run.messages
    unharmed(plane, agent, run)


def test_not_a_number_is_refused(plane, agent, run):
    child = Child(agent, run.id)
    child.connection.sendall(
        b'{"n":1,"key":"a:1","id":"%s","op":"events","args":[{"ts":1,"type":"LOG","data":{"x":NaN}}]}\n'
        % run.id.encode()
    )

    assert child.closed_by_agent()
    unharmed(plane, agent, run)


def test_repeated_key_is_answered_and_stored_once(plane, agent, run):
    child = Child(agent, run.id)
    for _ in range(3):
        assert "ok" in child.ask("events", [event(message="once")], key="1.1:1")
    again = Child(agent, run.id)
    assert "ok" in again.ask("events", [event(message="once")], key="1.1:1")

    unharmed(plane, agent, run)
    assert run.messages.count("once") == 1


def test_answers_come_in_order_of_requests(plane, agent, run):
    plane.faults.delay("read", 0.3)
    child = Child(agent, run.id)

    child.send("read", {"method": "slow", "args": {}})
    child.send("canceling")
    child.send("events", [event()])

    assert [json.loads(child.file.readline())["n"] for _ in range(3)] == [1, 2, 3]
    unharmed(plane, agent, run)


def test_repeated_read_is_asked_once(plane, agent, run):
    child = Child(agent, run.id)
    first = child.ask("read", {"method": "add_dynamic_partition", "args": {"p": 1}}, key="9.9:1")

    second = Child(agent, run.id).ask("read", {"method": "add_dynamic_partition", "args": {"p": 1}}, key="9.9:1")

    assert first["ok"] == second["ok"]
    assert len(plane.reads) == 1
    unharmed(plane, agent, run)


def test_refused_read_answers_the_control_planes_code(plane, agent, run):
    answer = Child(agent, run.id).ask("read", {"method": "unknown", "args": {}})

    assert answer["error"]["code"] == "unsupported"
    unharmed(plane, agent, run)


@pytest.mark.parametrize(
    ("subject", "op", "code"), [("nobody/1", "events", "unknown_attempt"), (None, "dance", "invalid")]
)
def test_unknown_subjects_and_operations_are_refused(plane, agent, run, subject, op, code):  # noqa: PLR0917
    assert Child(agent, subject or run.id).ask(op, [])["error"]["code"] == code
    unharmed(plane, agent, run)


def test_second_process_of_a_run_is_told_to_go(plane, agent, run):
    answer = Child(agent, run.id).ask("hello", {"pid": 1, "start_ticks": 1, "role": "run"})

    assert answer["error"]["code"] == "superseded"
    unharmed(plane, agent, run)


def test_own_run_is_kept_for_all_processes_and_restarts(plane, agent, run):
    Child(agent, run.id).ask("put_own_run", {"status": "STARTED"})
    agent.kill9()
    agent.start()
    eventually(lambda: agent.logged("attempt.adopted"), bool)

    def asked():
        # The socket of the process that was killed is there still, and nobody listens.
        with contextlib.suppress(ConnectionError, FileNotFoundError):
            return Child(agent, run.id).ask("own_run")

    assert eventually(asked, bool)["ok"] == {"status": "STARTED"}
    unharmed(plane, agent, run)


def test_long_home_still_gives_a_short_socket_path(tmp_path):
    home = tmp_path / ("x" * 100)

    path = socket_path(home)

    assert len(os.fsencode(path)) <= LONGEST_PATH
    assert path == socket_path(home)
    assert path != socket_path(tmp_path / ("y" * 100))
