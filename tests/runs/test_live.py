"""The live stream of a run: everything at first, what changed afterwards, and an end."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.test import RequestFactory

from agent.protocol import LogChunk, LogStream
from controlplane.runs import live, log_store, stream
from tenants.token_services import revoke_token
from tests.cast import make_cast
from tests.runs.scripts import Sender, Stage, make_stage
from tests.threads import in_thread
from tests.ui.server import serving

Message = tuple[str, Any]


def asked(stage: Stage, query: str = "", **headers: str) -> HttpRequest:
    given = {"Authorization": f"Bearer {stage.cast.user_token.text}", **headers}
    return RequestFactory().get(f"/live{query}", headers=given)


def opened(attempt: Sender, request: HttpRequest) -> Awaitable[HttpResponseBase]:
    cast = attempt.stage.cast
    return stream.run_live(request, cast.org.slug, cast.deployment.name, attempt.run_id)


async def messages(response: HttpResponseBase) -> AsyncIterator[Message]:
    async for part in response.streaming_content:  # type: ignore[attr-defined]
        lines = dict(line.split(": ", 1) for line in part.decode().splitlines() if ": " in line)
        if "event" in lines:
            yield lines["event"], json.loads(lines["data"])


async def until(stream: AsyncIterator[Message], name: str) -> list[Message]:
    """Everything up to the next message of this name; fails when it does not come in time."""
    found: list[Message] = []
    async with asyncio.timeout(100):
        async for message in stream:
            found.append(message)
            if message[0] == name:
                return found
    raise AssertionError(f"no {name}, only {found}")


def run_async(work: Callable[[], Awaitable[Any]]) -> Any:
    return asyncio.run(work())  # type: ignore[arg-type]


@pytest.fixture
def attempt() -> Sender:
    return make_stage().claimed(assets=["raw"])


def test_it_tells_everything_then_changes_then_the_end(attempt: Sender) -> None:
    async def watch() -> None:
        parts = messages(await opened(attempt, asked(attempt.stage)))
        first = await until(parts, "logs")
        assert [name for name, _ in first] == ["run", "steps", "events", "logs"]
        assert first[0][1]["status"] == "STARTING"
        await in_thread(attempt.start, "raw")
        assert ("events", {"last": "1.2", "total": 2}) in await until(parts, "events")
        await in_thread(attempt.say, "PIPELINE_SUCCESS")
        await in_thread(attempt.say, "AGENT_EXITED", data={"reason": "finished", "exit_code": 0})
        assert (await until(parts, "end"))[-1] == ("end", {"status": "SUCCESS"})

    run_async(watch)


def test_the_end_waits_for_the_last_output(attempt: Sender) -> None:
    claim, stage = attempt.claim, attempt.stage

    def output(data: bytes, offset: int, *, final: bool) -> None:
        given = {"attempt": claim.attempt, "epoch": claim.epoch, "stream": LogStream.STDOUT}
        chunk = LogChunk(run_id=str(claim.run_id), log_key="k", offset=offset, data=data, final=final, **given)
        log_store.append(org_id=stage.org_id, agent_id=stage.agent.id, chunk=chunk)

    output(b"begin", 0, final=False)
    for type_ in ("PIPELINE_START", "PIPELINE_SUCCESS", "AGENT_EXITED"):
        attempt.say(type_, data={"reason": "finished"})

    async def watch() -> list[Message]:
        parts = messages(await opened(attempt, asked(stage)))
        assert "end" not in [name for name, _ in await until(parts, "logs")]
        await in_thread(output, b"last", 5, final=True)
        return await until(parts, "end")

    assert ("logs", {"streams": 1, "bytes": 9, "open": False}) in run_async(watch)


def test_whole_events_come_once_and_resume_behind_the_last_one(attempt: Sender) -> None:
    for number in range(1200):
        attempt.event("LOG", message=str(number))
    attempt.flush()
    attempt.say("AGENT_EXITED", data={"reason": "crashed"})

    async def numbers(**headers: str) -> list[str]:
        parts = messages(await opened(attempt, asked(attempt.stage, "?events=full", **headers)))
        return [row["message"] for name, rows in await until(parts, "end") if name == "event-rows" for row in rows]

    everything = run_async(numbers)
    assert everything[:-1] == [str(number) for number in range(1200)]
    assert run_async(lambda: numbers(**{"Last-Event-ID": "1.1199"}))[:-1] == ["1199"]


def test_who_may_not_look_sees_nothing(attempt: Sender) -> None:
    stranger, cast = make_cast("outsider"), attempt.stage.cast
    places = [
        (asked(Stage(stranger, attempt.stage.agent)), cast.org.slug, 404),
        (asked(Stage(stranger, attempt.stage.agent)), stranger.org.slug, 404),
        (RequestFactory().get("/live"), cast.org.slug, 401),
        (RequestFactory().get("/live", headers={"Authorization": "Bearer nonsense"}), cast.org.slug, 401),
    ]
    for request, org, status in places:
        response = run_async(lambda request=request, org=org: stream.run_live(request, org, "prod", attempt.run_id))
        assert response.status_code == status


def test_a_stream_ends_when_its_token_is_revoked(attempt: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "RECHECK_SECONDS", 0.1)
    cast = attempt.stage.cast

    async def watch() -> None:
        parts = messages(await opened(attempt, asked(attempt.stage)))
        await until(parts, "logs")
        await in_thread(revoke_token, org_id=cast.org_id, token_id=cast.user_token.token.id)
        async with asyncio.timeout(100):
            assert [name async for name, _ in parts] == []

    run_async(watch)


def test_lists_of_runs_hear_of_every_run() -> None:
    stage = make_stage()

    async def watch() -> None:
        response = await stream.runs_live(asked(stage), stage.cast.org.slug, stage.cast.deployment.name)
        parts = messages(response)
        await until(parts, "runs")
        await in_thread(stage.request)
        await until(parts, "runs")

    run_async(watch)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as found:
        yield found


@pytest.mark.parametrize("how", ["session", "token"])
def test_it_is_served_to_browsers_and_programs(attempt: Sender, address: str, how: str) -> None:
    cast = attempt.stage.cast
    place = f"{address}/{cast.org.slug}/{cast.deployment.name}/runs/{attempt.run_id}/live"
    session = cast.signed_in().cookies[settings.SESSION_COOKIE_NAME].value
    proofs = {
        "session": {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session}"},
        "token": {"Authorization": f"Bearer {cast.user_token.text}"},
    }
    with httpx.stream("GET", place, headers=proofs[how], timeout=100) as response:
        lines = response.iter_lines()
        assert next(lines) == "event: run"
    assert response.headers["content-type"] == "text/event-stream"
