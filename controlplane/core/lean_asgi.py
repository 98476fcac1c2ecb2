"""An ASGI handler for views that wait: no middleware, no thread per request, and a body that is bounded while it is read.

Django's own handler gives every request a thread of its own for its synchronous parts, and keeps it until the response: too
much for thousands of held long-polls. Views served here are coroutines and do their database work in a pool.
"""

import asyncio
from contextlib import suppress
from io import BytesIO
from typing import Any

from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpResponse
from django.urls import set_script_prefix

# How many times the limit is read from a client that sends too much, before the connection is cut.
_DRAINED = 8


class LeanHandler(ASGIHandler):
    """Serves the routes of the URLconf with nothing around the view. Bodies above `max_body_bytes` get `too_large`."""

    def __init__(self, *, max_body_bytes: int, too_large: HttpResponse) -> None:
        self._max_body_bytes = max_body_bytes
        self._too_large = too_large
        super().__init__()

    def load_middleware(self, is_async: bool = False) -> None:
        """Load none."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        self._middleware_chain = convert_exception_to_response(self._get_response_async)  # type: ignore[attr-defined]  # as Django does

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            body = await self._read_bounded(receive)
        except RequestAborted:
            return
        if body is None:
            await self.send_response(self._too_large, send)
            return
        set_script_prefix("/")
        await self._respond(ASGIRequest(scope, BytesIO(body)), receive, send)

    async def _respond(self, request: ASGIRequest, receive: Any, send: Any) -> None:
        """Answer, and stop the view when the client has gone."""
        answering = asyncio.create_task(self._answer(request, send))
        leaving = asyncio.create_task(receive())
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            answering.cancel()  # does nothing to a task that has ended
            leaving.cancel()
            with suppress(asyncio.CancelledError):
                await answering

    async def _answer(self, request: ASGIRequest, send: Any) -> None:
        response = await self.get_response_async(request)
        # Usually a middleware's work; without it the answer travels in chunks.
        if isinstance(response, HttpResponse):
            response.setdefault("Content-Length", str(len(response.content)))
        try:
            await self.send_response(response, send)
        finally:
            response.close()

    async def _read_bounded(self, receive: Any) -> bytes | None:
        """Return the body, or None when it is too large; what is too much is read and dropped, so that the client gets its answer."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise RequestAborted
            part = message.get("body", b"")
            size += len(part)
            if size <= self._max_body_bytes:
                parts.append(part)
            else:
                parts.clear()
            if not message.get("more_body", False) or size > _DRAINED * self._max_body_bytes:
                return b"".join(parts) if size <= self._max_body_bytes else None
