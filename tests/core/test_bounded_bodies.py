"""The bound on bodies in front of Django's own handler: what lies behind it never holds more."""

import asyncio
from typing import Any

import pytest
from django.http import HttpResponse

from controlplane.core.bounded_bodies import BoundedBodies

LIMIT = 100


def ask(parts: list[bytes]) -> tuple[int, bytes, int]:
    """Send a body in these parts: the status, the answer, and how many bytes the application was given."""
    given, sent = 0, list[Any]()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        nonlocal given
        more = True
        while more:
            message = await receive()
            given, more = given + len(message["body"]), message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})

    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages[-1]["more_body"] = False
    waiting = iter(messages)

    async def receive() -> Any:
        return next(waiting)

    async def send(message: Any) -> None:
        sent.append(message)

    bounded = BoundedBodies(application, max_body_bytes=LIMIT, too_large=HttpResponse(b"too large", status=413))
    asyncio.run(bounded({"type": "http"}, receive, send))
    return sent[0]["status"], sent[-1]["body"], given


@pytest.mark.parametrize("parts", [[b""], [bytes(LIMIT)], [bytes(1)] * LIMIT])
def test_body_within_the_bound_goes_through(parts: list[bytes]) -> None:
    assert ask(parts) == (200, b"fine", sum(map(len, parts)))


@pytest.mark.parametrize("parts", [[bytes(LIMIT + 1)], [bytes(1)] * (LIMIT + 1), [bytes(60)] * 1000])
def test_body_above_the_bound_is_refused_and_goes_nowhere(parts: list[bytes]) -> None:
    status, answer, given = ask(parts)

    assert (status, answer) == (413, b"too large")
    assert given <= LIMIT
