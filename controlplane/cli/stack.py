"""The processes of an embedded Daggerboard: their commands, environments, and how one knows that each is ready."""

import base64
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from controlplane.cli.errors import CommandError
from controlplane.cli.profile import home
from controlplane.embedded.child import ChildSpec
from controlplane.embedded.files import write_private
from controlplane.embedded.ports import LOOPBACK
from controlplane.embedded.postgres import EmbeddedPostgres
from controlplane.embedded.readiness import http_answers, log_says
from controlplane.embedded.redis import EmbeddedRedis
from controlplane.embedded.state import StateFolder
from controlplane.embedded.supervisor import Supervisor


class _Stopping(TypedDict):
    stops_with: str
    patience: float


USUAL_PORT = 8321
SETTINGS_FILE = "settings.json"
MASTER_KEY_FILE = "master.key"
_PYTHON = [sys.executable, "-m"]
# Ctrl-C is over in ten seconds, whatever is under way: runs and tasks are such that they go on later.
AGENT_PATIENCE = 4.0
_TOGETHER: _Stopping = {"stops_with": "control plane", "patience": 4.0}
# What the processes need of the caller's environment, besides DAGGERBOARD_*.
_INHERITED = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Stack:
    """An address, the settings of the control plane, and the folder that everything is in."""

    state: StateFolder
    port: int
    settings: Mapping[str, str]

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def one_shot(self, name: str, module: str, *arguments: str) -> ChildSpec:
        """A process of the control plane that does one thing and ends."""
        return ChildSpec(name=name, command=[*_PYTHON, module, *arguments], environment=self.settings)

    def control_plane(self) -> list[ChildSpec]:
        """Web and stream in one process, worker, evaluator, clock."""
        return [self._web(), self._worker(), self._evaluator(), self._clock()]

    def agent(self, *, name: str) -> ChildSpec:
        """The local agent; it gets no setting of the control plane, only an address and a token."""
        return ChildSpec(
            name="agent",
            command=[
                *_PYTHON,
                "agent.cli",
                "run",
                *("--url", self.url),
                *("--token-file", str(self.state.path / "agent.token")),
                *("--name", name),
                *("--home", str(self.state.agent)),
            ],
            environment=inherited(),
            # It takes its code workers along: nothing of an installation that was stopped stays.
            gently=signal.SIGINT,
            # A run that takes longer goes on by itself, and the next agent with this home takes it over.
            patience=AGENT_PATIENCE,
        )

    def _web(self) -> ChildSpec:
        command = [
            *_PYTHON,
            "uvicorn",
            "controlplane.config.asgi:application",
            "--host",
            LOOPBACK,
            "--port",
            str(self.port),
        ]
        quiet = ["--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "3", "--lifespan", "on"]
        return ChildSpec(
            name="web",
            command=[*command, *quiet],
            environment=self.settings,
            ready=http_answers(self.port, "/healthz"),
            **_TOGETHER,
        )

    def _worker(self) -> ChildSpec:
        # Threads: the tasks wait for Postgres, and one process costs a third of the memory of several.
        command = [*_PYTHON, "celery", "-A", "controlplane.config", "worker", "--pool", "threads", "--concurrency", "4"]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"]
        return ChildSpec(
            name="worker",
            command=[*command, *quiet],
            environment=self.settings,
            ready=log_says(self.state.logs / "worker.log", "ready."),
            **_TOGETHER,
        )

    def _evaluator(self) -> ChildSpec:
        return ChildSpec(
            name="evaluator",
            command=[*_PYTHON, "controlplane.config.evaluator"],
            environment=self.settings,
            ready=log_says(self.state.logs / "evaluator.log", "ready."),
            **_TOGETHER,
        )

    def _clock(self) -> ChildSpec:
        return ChildSpec(
            name="clock",
            command=[*_PYTHON, "controlplane.core.clock"],
            environment=self.settings,
            ready=log_says(self.state.logs / "clock.log", "clock.started"),
            **_TOGETHER,
        )


def start_stores(supervisor: Supervisor, state: StateFolder, *, port: int) -> Stack:
    """Start Postgres and Redis, unless the environment names others, and say where everything is."""
    stores = _external_stores() or _embedded_stores(supervisor, state)
    settings = {
        **inherited(),
        **{name: value for name, value in os.environ.items() if name.startswith("DAGGERBOARD_")},
        **stores,
        "DJANGO_SETTINGS_MODULE": "controlplane.config.settings",
        "DAGGERBOARD_SECRET_KEY": state.secret("secret_key"),
        "DAGGERBOARD_PUBLIC_URL": f"http://{LOOPBACK}:{port}",
        "DAGGERBOARD_STATIC_ROOT": str(state.path / "static"),
    }
    if not settings.keys() & {"DAGGERBOARD_MASTER_KEY", "DAGGERBOARD_MASTER_KEY_FILE"}:
        settings["DAGGERBOARD_MASTER_KEY_FILE"] = str(_master_key_file(state))
    (state.path / "static").mkdir(exist_ok=True)
    settings.setdefault("DAGGERBOARD_OBJECT_STORE_URL", state.objects.as_uri())
    write_private(
        state.path / SETTINGS_FILE, json.dumps({k: v for k, v in settings.items() if k.startswith("DAGGERBOARD_")})
    )
    return Stack(state=state, port=port, settings=settings)


def _master_key_file(state: StateFolder) -> Path:
    """A file of its own, so that a newer key can be put above."""
    file = state.path / MASTER_KEY_FILE
    if not file.exists():
        write_private(file, new_master_key() + "\n")
    return file


def new_master_key() -> str:
    """256 random bits in Base64."""
    return base64.b64encode(os.urandom(32)).decode()


def settings_of_running_stack() -> dict[str, str]:
    """The settings of the `up` that runs in this checkout, for commands that need Django; CommandError when none runs."""
    folder = StateFolder(home())
    if folder.runner() is None:
        raise CommandError("Daggerboard does not run here. Start it with `make up`, or give this command the settings.")
    return dict(json.loads((folder.path / SETTINGS_FILE).read_text()))


def inherited() -> dict[str, str]:
    """The part of the caller's environment that every process gets."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ} | {"PYTHONUNBUFFERED": "1"}


def _external_stores() -> dict[str, str] | None:
    names = ("DAGGERBOARD_DATABASE_URL", "DAGGERBOARD_REDIS_URL")
    return {} if all(os.environ.get(name) for name in names) else None


def _embedded_stores(supervisor: Supervisor, state: StateFolder) -> dict[str, str]:
    postgres = supervisor.start(EmbeddedPostgres(state.postgres, may_open=state.path, notice=supervisor.tell))
    redis = supervisor.start(EmbeddedRedis(state.redis, notice=supervisor.tell))
    return {
        "DAGGERBOARD_DATABASE_URL": postgres.app,
        "DAGGERBOARD_DATABASE_DOOR_URL": postgres.door,
        "DAGGERBOARD_DATABASE_OWNER_URL": postgres.owner,
        "DAGGERBOARD_REDIS_URL": redis,
    }


def sample_project() -> Path | None:
    """The folder of the sample project, when this is a checkout."""
    folder = Path(__file__).parents[2] / "examples" / "flights"
    return folder if (folder / "pyproject.toml").is_file() else None
