"""Dagster's webserver and daemon with Postgres storage, on free ports, in a folder that is removed afterwards."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.peers.environment import command
from benchmarks.peers.graphql import GraphQL
from controlplane.embedded.ports import free_port
from controlplane.embedded.postgres import EmbeddedPostgres
from tests.waiting import eventually

START_SECONDS = 180.0
# Everything else is Dagster's default: the queued coordinator, ten runs at once, the multiprocess executor.
_SETTINGS = """\
storage:
  postgres:
    postgres_url: {url}
telemetry:
  enabled: false
"""


@dataclass(frozen=True)
class Server:
    """A started installation of the peer."""

    home: Path
    address: str
    postgres: psutil.Process
    webserver: psutil.Process
    daemon: psutil.Process

    def graphql(self) -> GraphQL:
        return GraphQL(self.address)


@contextmanager
def started(project: Path) -> Iterator[Server]:
    """Webserver and daemon for the project in this Python file; both end with the block."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="daggerboard-benchmarks-peer-")))
        postgres = EmbeddedPostgres(home / "postgres", may_open=home)
        stack.callback(postgres.stop)
        # Plain postgresql:// would choose psycopg 3, which dagster-postgres does not bring.
        url = postgres.start().owner.replace("postgresql://", "postgresql+psycopg2://")
        (home / "dagster.yaml").write_text(_SETTINGS.format(url=url))
        port = free_port()
        serve = [command("dagster-webserver"), "-h", "127.0.0.1", "-p", str(port), "-f", str(project)]
        webserver = stack.enter_context(process(serve, home, "webserver"))
        address = f"http://127.0.0.1:{port}"
        wait_loaded(GraphQL(address), webserver, home)
        daemon = stack.enter_context(process([command("dagster-daemon"), "run", "-f", str(project)], home, "daemon"))
        eventually(GraphQL(address).queue_daemon_is_healthy, bool, seconds=START_SECONDS)
        yield Server(home, address, psutil.Process(postgres.pid), webserver, daemon)


def wait_loaded(graphql: GraphQL, server: psutil.Process, home: Path) -> None:
    """Until the code location is loaded; fails at once when the server ends."""

    def loaded() -> bool:
        assert server.is_running(), _tail(home)
        return bool(graphql.locations())

    eventually(loaded, bool, seconds=START_SECONDS)


@contextmanager
def process(words: Sequence[str], home: Path, log: str, **variables: str) -> Iterator[psutil.Process]:
    """One process of the peer and everything that it starts."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DAGGER", "VIRTUAL_ENV"))}
    environment |= {"DAGSTER_HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "1", **variables}
    with (home / f"{log}.log").open("ab") as output:
        started_process = subprocess.Popen(
            words,
            env=environment,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield psutil.Process(started_process.pid)
    finally:
        _end(started_process)


def _end(leader: subprocess.Popen[bytes]) -> None:
    """Ask it to stop, then end what is left of its tree: Dagster's code servers can outlive their parent."""
    family = psutil.Process(leader.pid).children(recursive=True) if leader.poll() is None else []
    leader.send_signal(signal.SIGINT)
    try:
        leader.wait(20)
    except subprocess.TimeoutExpired:
        leader.kill()
        leader.wait()
    for member in family:
        if member.is_running():
            member.kill()
    psutil.wait_procs(family, timeout=10)


def _tail(home: Path) -> str:
    return "\n".join(path.read_text(errors="replace")[-2000:] for path in home.glob("*.log"))
