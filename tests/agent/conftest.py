"""A fake control plane, a real agent process, and code locations for both."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from agent.protocol import DesiredLocation, Target
from controlplane.embedded.ports import free_port
from tests.agent.fake_control_plane import SHORT_LEASES, TOKEN, FakeControlPlane, StoredAttempt
from tests.waiting import eventually

STANDIN = Path(__file__).parent / "standin"


class AgentProcess:
    """A real agent on a folder of its own."""

    def __init__(self, plane: FakeControlPlane, folder: Path, **settings: Any) -> None:
        self.plane, self.folder, self.home = plane, folder, folder / "home"
        self.settings = {"worker_path": STANDIN, "start_watchdog": 60, "disk_reserve_mb": 0, **settings}
        self.token_file = folder / "token"
        self.token_file.write_text(TOKEN)
        self.process: subprocess.Popen[bytes] | None = None
        self.env: dict[str, str] = {}
        self.url = ""

    def start(self) -> "AgentProcess":
        arguments = [
            "--url",
            self.url or self.plane.url,
            "--token-file",
            self.token_file,
            "--name",
            "tester",
            "--home",
            self.home,
            "--json",
        ]
        for name, value in self.settings.items():
            arguments += ["--" + name.replace("_", "-"), value]
        code = "import sys; from agent.cli import main; main(sys.argv[1:])"
        with (self.folder / "agent.log").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, "run", *map(str, arguments)], stderr=output, env={**os.environ, **self.env}
            )
        return self

    def kill9(self) -> None:
        self.process.kill()
        self.process.wait(60)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = 60) -> int:
        return self.process.wait(seconds)

    def logged(self, event: str) -> list[dict[str, Any]]:
        # Whole lines only: the last may be under way.
        lines = (self.folder / "agent.log").read_bytes().rpartition(b"\n")[0].splitlines()
        strange = [line for line in lines if not line.startswith(b"{")]
        assert strange == []
        return [line for line in map(json.loads, lines) if line["event"] == event]

    def stop(self) -> None:
        """End it, and what it started: workers and runs, which outlive an agent on purpose."""
        mine = psutil.Process(self.process.pid).children(recursive=True) if self.process.poll() is None else []
        self.process.kill()
        self.process.wait(60)
        for one in [*mine, *self._runs()]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()

    def _runs(self) -> list[psutil.Process]:
        """Runs whose agent died: found by what the agent noted of them."""
        found = []
        for path in self.home.glob("attempts/*/state.json"):
            if pid := json.loads(path.read_bytes()).get("pid"):
                with contextlib.suppress(psutil.NoSuchProcess):
                    found.append(psutil.Process(pid))
        return found


@pytest.fixture
def plane() -> Iterator[FakeControlPlane]:
    # A port that no passing connection takes while the plane is away.
    plane = FakeControlPlane().start(free_port())
    yield plane
    plane.stop()


@pytest.fixture
def new_agent(plane: FakeControlPlane, tmp_path: Path) -> Iterator[Callable[..., AgentProcess]]:
    made: list[AgentProcess] = []

    def new(**settings: Any) -> AgentProcess:
        folder = tmp_path / f"agent{len(made)}"
        folder.mkdir()
        made.append(AgentProcess(plane, folder, **settings))
        return made[-1]

    yield new
    for agent in made:
        if agent.process is not None:
            agent.stop()


@pytest.fixture
def short_leases(plane: FakeControlPlane) -> float:
    """Leases that a test can wait for; the seconds after which a run has surely lost its own. Asked for before the agent starts."""
    plane.timing = SHORT_LEASES
    return plane.timing.lease + plane.timing.lease_grace


@pytest.fixture
def agent(new_agent: Callable[..., AgentProcess], plane: FakeControlPlane) -> AgentProcess:
    """An agent that has loaded the location `v1`."""
    plane.serve(location("v1"))
    started = new_agent().start()
    loaded(plane, "v1")
    return started


def location(version_id: str, behaviour: str = "", **fields: Any) -> DesiredLocation:
    target = Target(module_name=behaviour or None)
    return DesiredLocation(
        **{"version_id": version_id, "deployment": "prod", "name": "loc", "target": target, **fields}
    )


def loaded(plane: FakeControlPlane, version_id: str, state: str = "loaded") -> Any:
    """Wait for a report and answer the newest."""
    return eventually(
        lambda: [one for one in plane.reports if one.version_id == version_id],
        lambda reports: bool(reports) and reports[-1].state == state,
    )[-1]


def script(*steps: Any) -> dict[str, Any]:
    """The config of a run that does these things after its start."""
    return {"script": [["start", None], *([step, None] if isinstance(step, str) else list(step) for step in steps)]}


def ended(attempt: StoredAttempt, seconds: float = 100) -> dict[str, Any]:
    """Wait for the end of an attempt and answer what AGENT_EXITED said."""
    return eventually(lambda: attempt.exited, bool, seconds=seconds)


def logs_closed(attempt: StoredAttempt) -> dict[tuple[str, str], bytes]:
    return eventually(lambda: attempt.logs if attempt.closed and attempt.closed >= set(attempt.logs) else None, bool)


def is_gone(pid: int) -> bool:
    """No such process, or only its entry, which its parent has not read yet."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def gone(pid: int) -> None:
    """Wait for the end of a process."""
    eventually(lambda: is_gone(pid), bool)


def sequence(attempt: StoredAttempt) -> list[int]:
    return [event["seq"] for event in attempt.events]


def message_seen(attempt: StoredAttempt, text: str, seconds: float = 100) -> None:
    eventually(lambda: attempt.messages, lambda messages: any(text in one for one in messages), seconds=seconds)
