"""Pipes over HTTP: the writer of a process elsewhere against the control plane, and what its token is good for."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from daggerboard_pipes import PipesHttpContextLoader, PipesHttpMessageWriter
from daggerboard_pipes import message_writer as writing
from daggerboard_pipes.requests import PipesSessionOverError, Session

from agent.protocol import AttemptRef, Read
from controlplane.external.models import PipesMessage, PipesSession
from controlplane.external.pipes import sessions, sweep
from controlplane.runs import instance_view
from tenants.errors import InvalidError, NotFoundError, TooManyError
from tenants.scoping import org_scope
from tests.dispatch.server import running_server
from tests.runs.scripts import Sender, Stage, make_stage
from tests.waiting import eventually


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running_server() as url:
        yield url


@pytest.fixture
def stage() -> Stage:
    return make_stage()


@pytest.fixture
def attempt(stage: Stage) -> Sender:
    attempt = stage.claimed(assets=["raw"])
    attempt.start("raw")
    return attempt


def ask(attempt: Sender, method: str, **args: Any) -> Any:
    """As the step does through its agent."""
    claim = attempt.claim
    ref = AttemptRef(run_id=str(claim.run_id), attempt=claim.attempt, epoch=claim.epoch)
    read = Read(agent_id=str(attempt.stage.agent.id), method=method, args=args, run=ref)
    return instance_view.answer(attempt.stage.org_id, read)


def opened(attempt: Sender, server: str, **args: Any) -> dict[str, str]:
    found = ask(attempt, "pipes_open", **args)
    return {**found, "url": f"{server}/pipes/v1/sessions/{found['session_id']}"}


def unread(attempt: Sender, session: dict[str, str], after: int = 0) -> list[list[Any]]:
    return ask(attempt, "pipes_read", session_id=session["session_id"], after=after)["messages"]


def log(text: str) -> dict[str, Any]:
    return {"__dagster_pipes_version": "0.1", "method": "log", "params": {"message": text, "level": "INFO"}}


def send(
    session: dict[str, str], *texts: str, first: int = 1, token: str | None = None, path: str = ""
) -> httpx.Response:
    body = {"first": first, "messages": [log(text) for text in texts]}
    headers = {"Authorization": f"Bearer {token or session['token']}"}
    return httpx.post(path or f"{session['url']}/messages", json=body, headers=headers, timeout=60, trust_env=False)


def texts(messages: list[list[Any]]) -> list[str]:
    return [body["params"]["message"] for _number, body in messages]


def test_messages_arrive_once_and_in_order_however_they_are_sent(attempt: Sender, server: str) -> None:
    session = opened(attempt, server)
    answers = [
        send(session, "a", "b").json(),
        send(session, "a", "b", "c").json(),  # what was stored is passed over
        send(session, "e", first=5).json(),  # behind a gap: the sender goes on from where it ends
        send(session, "a").json(),
        send(session, "d", "e", first=4).json(),
    ]

    assert [answer["stored"] for answer in answers] == [2, 3, 3, 3, 5]
    assert texts(unread(attempt, session)) == texts(unread(attempt, session)) == list("abcde")
    assert texts(unread(attempt, session, after=3)) == ["d", "e"]
    with org_scope(attempt.stage.org_id):
        assert PipesMessage.objects.for_org(attempt.stage.org_id).count() == 2


def test_a_token_opens_its_own_session_and_nothing_else(attempt: Sender, server: str, outsider: Any) -> None:
    mine, other = opened(attempt, server, context={"a": 1}), opened(attempt, server)
    agent_path = f"{server}/agent/v1/read"
    cast = attempt.stage.cast

    assert send(mine, "a", token=other["token"]).status_code == 401
    assert send(mine, "a", token=mine["token"][:-1] + ("A" if mine["token"][-1] != "A" else "B")).status_code == 401
    assert send(mine, "a", token=cast.user_token.text).status_code == 401
    assert send(mine, "a", token=cast.agent_token.text).status_code == 401
    assert send(mine, "a", path=agent_path).status_code in {401, 426}
    assert send(mine, "a", path=f"{server}{cast.api_path('runs/')}").status_code == 401
    assert Session.of(mine).get("context") == {"context": {"a": 1}}
    assert unread(attempt, mine) == []
    with org_scope(outsider.org_id):
        foreign = instance_view.Scope(outsider.org_id, outsider.deployment.id, attempt.run_id)
        arguments, handle = instance_view.METHODS["pipes_read"]
        with pytest.raises(NotFoundError):
            handle(foreign, arguments(session_id=mine["session_id"]))  # type: ignore[call-arg]


def test_a_token_dies_with_the_run_and_with_the_session(stage: Stage, attempt: Sender, server: str) -> None:
    closed, of_run = opened(attempt, server), opened(attempt, server)
    ask(attempt, "pipes_close", session_id=closed["session_id"])
    assert (send(closed, "a").status_code, send(of_run, "a").status_code) == (401, 200)
    attempt.step("raw")
    attempt.say("PIPELINE_SUCCESS")

    stolen = send(of_run, "b", first=2)

    assert (stolen.status_code, of_run["token"] in stolen.text) == (401, False)
    assert "ended" in stolen.json()["errors"][0]["detail"]
    with pytest.raises(PipesSessionOverError):
        Session.of(of_run).get("context")
    with org_scope(stage.org_id):
        rows = PipesSession.objects.for_org(stage.org_id)
        rows.update(created_at=rows.first().created_at - sweep._AFTER * 2)  # type: ignore[union-attr]
    sweep.sweep()
    with org_scope(stage.org_id):
        assert [
            PipesSession.objects.for_org(stage.org_id).count(),
            PipesMessage.objects.for_org(stage.org_id).count(),
        ] == [0, 0]


def test_bounds_are_held_and_said(attempt: Sender, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    session = opened(attempt, server)
    org_id, session_id = attempt.stage.org_id, session["session_id"]

    def store(*messages: Any, first: int = 1) -> int:
        return sessions.store_messages(org_id=org_id, session_id=session_id, first=first, messages=messages)  # type: ignore[arg-type]

    assert send(session, "x" * 1_100_000).status_code == 413
    assert send(session, *["x"] * 1001).status_code == 413
    for wrong in ("text", {"method": "drop_tables"}, {}):
        with pytest.raises(InvalidError, match="Message 1"):
            store(wrong)
    monkeypatch.setattr(sessions, "WAITING_BYTES", 300)
    assert store(log("a"), log("b")) == 2
    with pytest.raises(TooManyError):
        store(log("c" * 200), first=3)
    unread(attempt, session, after=2)
    assert store(log("c" * 200), first=3) == 3
    arguments, handle = instance_view.METHODS["pipes_open"]
    with pytest.raises(InvalidError, match="belongs to a run"), org_scope(org_id):
        handle(instance_view.Scope(org_id, attempt.stage.cast.deployment.id), arguments())


def test_the_writer_delivers_through_faults_what_it_was_given(attempt: Sender, server: str) -> None:
    """A proxy that answers 503, drops connections and loses answers after they took effect stands between the two."""
    session = opened(attempt, server)
    writer = PipesHttpMessageWriter(flush_seconds=120)
    with faulty(server) as proxy:
        address = session["url"].replace(server, proxy)
        with writer.open({"url": address, "token": session["token"]}) as channel:
            for number in range(300):
                channel.write_message(log(str(number)))  # type: ignore[arg-type]
                if number % 100 == 0:
                    time.sleep(0.01)

    found, after = [], 0
    while page := unread(attempt, session, after=after):
        found += texts(page)
        after = page[-1][0]
    assert found == [str(number) for number in range(300)]


def test_a_refused_message_becomes_a_note_and_the_others_arrive(attempt: Sender, server: str, capfd) -> None:
    session = opened(attempt, server)
    with PipesHttpMessageWriter(flush_seconds=60).open(session) as channel:
        for text in ("a", "x" * 1_100_000, "b"):
            channel.write_message(log(text))  # type: ignore[arg-type]

    first, note, last = texts(unread(attempt, session))
    assert (first, last) == ("a", "b")
    assert "was left out" in note
    assert session["token"] not in capfd.readouterr().err


def test_a_session_that_ends_stops_the_writer_without_a_word_of_the_token(attempt: Sender, server: str, capfd) -> None:
    session = opened(attempt, server)
    with PipesHttpMessageWriter(flush_seconds=60).open(session) as channel:
        ask(attempt, "pipes_close", session_id=session["session_id"])
        channel.write_message(log("a"))  # type: ignore[arg-type]
        eventually(lambda: channel._is_over, lambda over: over)  # type: ignore[attr-defined]
        channel.write_message(log("b"))  # type: ignore[arg-type]

    said = capfd.readouterr().err
    assert "is over" in said
    assert session["token"] not in said + repr(Session.of(session))


def test_wrong_parameters_are_named_without_their_values() -> None:
    with (
        pytest.raises(ValueError, match="url is missing") as refusal,
        PipesHttpContextLoader().load_context({"token": "s3cret"}),
    ):
        pass
    assert "s3cret" not in str(refusal.value)


class faulty:  # noqa: N801 - reads as what it makes
    """A server in front of another: of each three requests it answers one 503, loses the answer of one, and passes one on."""

    def __init__(self, server: str) -> None:
        self.server, self.count = server, 0

    def __enter__(self) -> str:
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.count += 1
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if outer.count % 3 == 1:
                    self.send_response(503)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                headers = {name: value for name, value in self.headers.items() if name != "Host"}
                answer = httpx.post(
                    f"{outer.server}{self.path}", content=body, headers=headers, timeout=60, trust_env=False
                )
                if outer.count % 3 == 2:
                    self.connection.close()
                    return
                self.send_response(answer.status_code)
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, *_: Any) -> None:
                pass

        self.proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.proxy.serve_forever)
        self.thread.start()
        return f"http://127.0.0.1:{self.proxy.server_port}"

    def __exit__(self, *_: object) -> None:
        self.proxy.shutdown()
        self.proxy.server_close()
        self.thread.join()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses are for control planes that are really away."""
    monkeypatch.setattr(writing, "_FIRST_PAUSE", 0.02)


@pytest.mark.parametrize("bound", ["RUN_WAITING_BYTES", "ORG_WAITING_BYTES"])
def test_sessions_share_what_may_wait(
    attempt: Sender, server: str, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = opened(attempt, server), opened(attempt, server)

    def store(session: dict[str, str], text: str, first: int = 1) -> int:
        session_id: Any = session["session_id"]
        return sessions.store_messages(
            org_id=attempt.stage.org_id, session_id=session_id, first=first, messages=[log(text)]
        )

    monkeypatch.setattr(sessions, bound, 1000)
    store(one, "a" * 900)
    # Who has nothing waiting goes on, a message at a time.
    assert store(other, "b") == 1
    with pytest.raises(TooManyError):
        store(other, "c", first=2)
    unread(attempt, one, after=1)
    assert store(other, "c", first=2) == 2
