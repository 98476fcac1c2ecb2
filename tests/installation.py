"""A whole Daggerboard in a folder of its own, started as a user starts it: `daggerboard up`, real processes, real servers."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from controlplane.cli.api_client import ApiClient
from controlplane.cli.first_run import wait_loaded
from controlplane.cli.profile import FILE_NAME, Profile
from controlplane.embedded.ports import free_port
from tests.waiting import eventually

PROJECTS = Path(__file__).parent / "projects"
READY = "Daggerboard is ready"
TERMINAL = {"SUCCESS", "FAILURE", "CANCELED"}


# Tests and measures ask for states many times a second.
_PATIENT = {"DAGGERBOARD_QUOTA_API_REQUESTS_PER_MINUTE": "0"}


class Installation:
    """Starts with `start`, or as a context; `client` talks to it; `pid_of` finds its processes for fault injection."""

    def __init__(self, home: Path, *, settings: dict[str, str] | None = None) -> None:
        self.home = home
        self.port = free_port()
        self._settings = settings or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._output = home.parent / f"{home.name}.out"

    @property
    def said(self) -> str:
        """What `up` has printed."""
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    @property
    def client(self) -> ApiClient:
        """The REST API, as the owner of the organization demo."""
        return ApiClient(Profile(**json.loads((self.home / FILE_NAME).read_text())))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *, seconds: float = 240) -> None:
        """Returns when it says that it is ready."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("DAGGERBOARD_", "DJANGO_"))}
        environment |= {"DAGGERBOARD_HOME": str(self.home), **_PATIENT, **self._settings}
        command = [sys.executable, "-m", "controlplane.cli.main", "up", "--no-sample", "--port", str(self.port)]
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        said_before = self.said.count(READY)
        eventually(lambda: self.said.count(READY) > said_before or self._ended(), bool, seconds=seconds)
        assert not self._ended(), self.said

    def stop(self) -> int:
        """Ctrl-C; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(240)

    def pid_of(self, name: str) -> int | None:
        """The process `postgres`, `redis`, `web`, `worker`, `clock` or `agent`, or None while it is down."""
        for path in (self.home / "processes").glob("*.json"):
            try:
                record = json.loads(path.read_text())
            except (OSError, ValueError):
                continue
            if record["name"].lower() == name:
                return int(record["leader"]["pid"])
        return None

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> bool:
        """Send a signal to one process of it; False when it was not there."""
        pid = self.pid_of(name)
        if pid is None:
            return False
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            return False
        return True

    def code_workers(self) -> list[int]:
        """The parent processes of code workers, of this installation only."""
        own = str(self.home)
        return [
            process.pid
            for process in psutil.process_iter(["cmdline"])
            if (words := process.info["cmdline"])
            and "daggerboard_worker" in words
            and any(own in word for word in words)
        ]

    def deploy(self, name: str, target: dict[str, Any], *, seconds: float = 180) -> dict[str, Any]:
        """Deploy a code location and wait until it is loaded."""
        body = {"target": {"executable_path": sys.executable, **target}}
        with self.client as client:
            client.put(f"code-locations/{name}/", body)
            return wait_loaded(client, name, seconds=seconds)

    def deploy_acceptance(self) -> dict[str, Any]:
        """The project that the acceptance and fault tests run."""
        return self.deploy(
            "acceptance", {"python_file": "acceptance.py", "working_directory": str(PROJECTS / "acceptance")}
        )

    def launch(self, **request: Any) -> str:
        """Launch a run of the acceptance project; returns its id."""
        with self.client as client:
            return str(client.post("runs/", {"location": "acceptance", **request})["id"])

    def run(self, run_id: str) -> dict[str, Any]:
        with self.client as client:
            run: dict[str, Any] = client.get(f"runs/{run_id}/")
            return run

    def wait_status(self, run_id: str, *statuses: str, seconds: float = 180) -> dict[str, Any]:
        """The run once it has one of these statuses (any terminal one when none is named)."""
        wanted = set(statuses) or TERMINAL
        return eventually(lambda: self.run(run_id), lambda run: run["status"] in wanted, seconds=seconds)

    def _ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None


@contextmanager
def installed(home: Path, *, settings: dict[str, str] | None = None) -> Iterator[Installation]:
    """An Installation that runs inside the block, and is stopped whatever happens."""
    installation = Installation(home, settings=settings)
    installation.start()
    try:
        yield installation
    finally:
        installation.stop()
