"""The `stream` role: long-polls of agents and server-sent events (in embedded mode, everything)."""

import gc
import os
import re

from django.core.asgi import get_asgi_application

# While modules are loaded, the collector would look at all of them again and again: a tenth of the start.
gc.disable()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.config.settings")

_pages_and_api = get_asgi_application()

# Django is set up from here on.
from typing import Any  # noqa: E402

from django.conf import settings  # noqa: E402

from agent.protocol import MAX_BODY_BYTES  # noqa: E402
from controlplane.config import urls as urls  # noqa: E402, PLC0414 - a broken route stops the start, not the first request
from controlplane.core import pulse  # noqa: E402
from controlplane.core.bounded_bodies import BoundedBodies  # noqa: E402
from controlplane.core.lean_asgi import LeanHandler  # noqa: E402
from controlplane.deployments import source_archives  # noqa: E402
from controlplane.dispatch.wire import refusal, too_large  # noqa: E402

# Requests of agents and of processes that write to Pipes, and the streams of controlplane/runs/stream.py; an asset may be called `live` too.
_WAITS = re.compile(r"/(agent|pipes)/v1/|/[^/]+/[^/]+/(runs/[0-9a-f-]{36}/)?live$")
# The largest body of all is a source archive; whoever sets that small still gets forms and webhooks.
_FORMS_BYTES = 32 * 1024**2
_bounded = BoundedBodies(
    _pages_and_api,
    max_body_bytes=max(settings.MAX_SOURCE_BYTES, _FORMS_BYTES),
    too_large=refusal(source_archives.too_large()),
)
_waiting = LeanHandler(max_body_bytes=MAX_BODY_BYTES, too_large=refusal(too_large()))


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Agents and live streams get a handler without middleware and without a thread per request; everybody else gets Django's."""
    if scope["type"] == "lifespan":
        await pulse.beat_while_serving(receive, send)
        return
    waits = scope["type"] == "http" and _WAITS.match(scope["path"]) is not None
    await (_waiting if waits else _bounded)(scope, receive, send)


# What is imported stays: the collector would go through all of it again with every few long pages, for a quarter of a second.
gc.collect()
gc.freeze()
gc.enable()
