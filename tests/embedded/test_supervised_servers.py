"""Postgres and Redis under the supervisor: back on the same port after kill -9, and gone with a killed supervisor."""

import os
import signal
from pathlib import Path

import psycopg
import redis

from controlplane.embedded.processes import wait_until
from tests.embedded.programs import gone, program

SUPERVISE = """
import os
from contextlib import suppress
from pathlib import Path
from controlplane.embedded.postgres import EmbeddedPostgres
from controlplane.embedded.progress import PlainProgress
from controlplane.embedded.redis import EmbeddedRedis
from controlplane.embedded.signals import StopRequested
from controlplane.embedded.state import StateFolder
from controlplane.embedded.supervisor import Supervisor

with open(os.devnull, "w") as out, StateFolder(Path(sys.argv[1])) as state:
    with Supervisor(state=state, progress=PlainProgress(out)) as supervisor:
        postgres, redis = EmbeddedPostgres(state.postgres, may_open=state.path), EmbeddedRedis(state.redis)
        urls, redis_url = supervisor.start(postgres), supervisor.start(redis)
        # The request to stop may come before the watch begins.
        with suppress(StopRequested):
            say({"app": urls.app, "redis": redis_url, "pids": [postgres.pid, redis.pid]})
            supervisor.watch()
say("stopped")
"""


def postgres_answers(url: str) -> bool:
    try:
        with psycopg.connect(url) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def redis_answers(url: str) -> bool:
    try:
        return bool(redis.Redis.from_url(url).ping())
    except redis.RedisError:
        return False


def test_killed_servers_are_back_on_their_ports(open_folder: Path) -> None:
    with program(SUPERVISE, open_folder / "state") as supervisor:
        said = supervisor.hear()

        for pid in said["pids"]:
            os.kill(pid, signal.SIGKILL)

        assert wait_until(lambda: all(gone(pid) for pid in said["pids"]), seconds=100)
        assert wait_until(lambda: postgres_answers(said["app"]) and redis_answers(said["redis"]), seconds=100)
        supervisor.process.send_signal(signal.SIGTERM)
        assert supervisor.hear() == "stopped"
    assert not list((open_folder / "state/processes").iterdir())


def test_servers_go_with_a_killed_supervisor_and_come_back_with_the_next(open_folder: Path) -> None:
    with program(SUPERVISE, open_folder / "state") as supervisor:
        first = supervisor.hear()
        supervisor.kill()
        assert wait_until(lambda: all(gone(pid) for pid in first["pids"]), seconds=100)

    with program(SUPERVISE, open_folder / "state") as supervisor:
        second = supervisor.hear()
        assert (second["app"], second["redis"]) == (first["app"], first["redis"])
        supervisor.process.send_signal(signal.SIGTERM)
        assert supervisor.hear() == "stopped"
