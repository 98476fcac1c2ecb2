"""The control plane's ASGI application on a port of its own, in a thread of the test process."""

import atexit
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import uvicorn
from django.test import override_settings

from controlplane.embedded.ports import free_port
from controlplane.ui.build import DIST
from tests.waiting import eventually


@contextmanager
def serving() -> Iterator[str]:
    """The address of a server that runs until the block ends. It serves a copy of the static files: a rebuild does not disturb it."""
    port = free_port()
    with override_settings(STATIC_ROOT=_static_copy(), WHITENOISE_USE_FINDERS=False):
        server = uvicorn.Server(_config(port))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        # Loading the application takes a second; on a machine with much else to do, many.
        eventually(lambda: server.started or not thread.is_alive(), bool, seconds=60)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(timeout=60)


@cache
def _static_copy() -> str:
    """One for the whole process: the application is loaded once, and remembers its files."""
    static = tempfile.mkdtemp(prefix="daggerboard-static-")
    shutil.copytree(DIST.parent, static, dirs_exist_ok=True)
    atexit.register(shutil.rmtree, static, ignore_errors=True)
    return static


def _config(port: int) -> uvicorn.Config:
    application = "controlplane.config.asgi:application"
    return uvicorn.Config(application, port=port, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
