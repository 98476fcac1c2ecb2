"""A real control plane process (uvicorn, as in production) on a port of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from controlplane.embedded.ports import free_port

READY_SECONDS = 200.0


@contextmanager
def running_server(
    settings: Mapping[str, str] | None = None, *, application: str = "controlplane.config.asgi:application"
) -> Iterator[str]:
    """Start a server with the settings of this test process and these on top; its address."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", application, "--port", str(port)]
    quiet = ["--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "1", "--lifespan", "off"]
    process = subprocess.Popen([*command, *quiet], env={**os.environ, **(settings or {})})
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_it_answers(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(100)


def _wait_until_it_answers(url: str, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, "the server ended while it started"
        try:
            httpx.get(f"{url}/healthz", trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the server did not answer within {READY_SECONDS} s")
