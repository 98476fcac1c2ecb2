"""Servers of a test session: started once, shared by its processes, gone with it."""

import signal
from pathlib import Path

import psycopg
import pytest
import redis

from controlplane.embedded.processes import wait_until
from controlplane.embedded.session_services import session_folder
from tests.embedded.programs import gone, program

START = """
from pathlib import Path
from controlplane.embedded.session_services import session_folder, start_test_services
folder = Path(sys.argv[1]) if len(sys.argv) > 1 else session_folder()
services = start_test_services(folder)
pids = [json.loads((folder / name / "process.json").read_text())["pid"] for name in ("postgres", "redis")]
say({"folder": folder, "owner": services.postgres.owner, "redis": services.redis, "pids": pids})
sys.stdin.read()
services.stop()
"""


def test_processes_of_a_session_share_its_servers() -> None:
    with program(START) as controller:
        first = controller.hear()
        with program(START, first["folder"]) as worker:
            assert worker.hear() == first
            worker.process.communicate(timeout=100)

        with psycopg.connect(first["owner"], autocommit=True) as connection:
            connection.execute("CREATE DATABASE of_this_test")
        assert redis.Redis.from_url(first["redis"]).ping()


def test_clean_end_leaves_nothing() -> None:
    with program(START) as controller:
        said = controller.hear()
        controller.process.communicate(timeout=100)

    assert all(gone(pid) for pid in said["pids"])
    assert not Path(said["folder"]).exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_session_leaves_no_process_and_the_next_removes_its_folder(number: signal.Signals) -> None:
    with program(START) as controller:
        said = controller.hear()
        controller.end(number)
        assert wait_until(lambda: all(gone(pid) for pid in said["pids"]), seconds=100)

    mine = session_folder()
    assert not Path(said["folder"]).exists()
    assert mine.exists()


def test_simultaneous_starters_agree(tmp_path: Path) -> None:
    with program(START, tmp_path / "x") as one, program(START, tmp_path / "x") as two:
        assert one.hear() == two.hear()
