"""A bound on what a request's body may have, where the server itself knows none: Django writes the whole of it to disk before any view
can refuse it.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from django.http import HttpResponse

App = Callable[[Any, Any, Any], Awaitable[None]]

# What is too much is read and dropped up to this many times the bound, so that the client gets its answer.
_DRAINED = 2


class _TooLargeError(Exception):
    """The body goes on beyond the bound."""


class BoundedBodies:
    """An ASGI application in front of another. Bodies above `max_body_bytes` get `too_large`, and the other is not told of them."""

    def __init__(self, app: App, *, max_body_bytes: int, too_large: HttpResponse) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._too_large = too_large

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        size = 0

        async def bounded() -> Any:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._max_body_bytes:
                await self._drain(message, receive, size)
                raise _TooLargeError
            return message

        try:
            await self._app(scope, bounded, send)
        except _TooLargeError:
            await self._refuse(send)

    async def _drain(self, message: Any, receive: Any, size: int) -> None:
        while message.get("more_body", False) and size <= _DRAINED * self._max_body_bytes:
            message = await receive()
            size += len(message.get("body", b""))

    async def _refuse(self, send: Any) -> None:
        content = self._too_large.content
        headers = [(name.lower().encode(), value.encode()) for name, value in self._too_large.items()]
        headers += [(b"content-length", str(len(content)).encode()), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": self._too_large.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": content})
