"""The `stream` role: long-polls of agents and server-sent events (in embedded mode, everything)."""

import os
import re

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.config.settings")

_pages_and_api = get_asgi_application()

# Django is set up from here on.
from typing import Any  # noqa: E402

from agent.protocol import MAX_BODY_BYTES  # noqa: E402
from controlplane.config import urls as urls  # noqa: E402, PLC0414 - a broken route stops the start, not the first request
from controlplane.core import pulse  # noqa: E402
from controlplane.core.lean_asgi import LeanHandler  # noqa: E402
from controlplane.dispatch.wire import refusal, too_large  # noqa: E402

# Agents' requests, and the streams of controlplane/runs/stream.py; an asset may be called `live` too.
_WAITS = re.compile(r"/agent/v1/|/[^/]+/[^/]+/(runs/[0-9a-f-]{36}/)?live$")
_waiting = LeanHandler(max_body_bytes=MAX_BODY_BYTES, too_large=refusal(too_large()))


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Agents and live streams get a handler without middleware and without a thread per request; everybody else gets Django's."""
    if scope["type"] == "lifespan":
        await pulse.beat_while_serving(receive, send)
        return
    waits = scope["type"] == "http" and _WAITS.match(scope["path"]) is not None
    await (_waiting if waits else _pages_and_api)(scope, receive, send)
