"""The embedded Redis: starts, comes back with its data, and never stands in the way."""

import os
import shutil
import signal
import socket
import stat
from pathlib import Path

import pytest
import redis

from controlplane.embedded.errors import AlreadyRunningError, DiskFullError, PortInUseError
from controlplane.embedded.processes import wait_until
from controlplane.embedded.redis import EmbeddedRedis
from tests.embedded.programs import gone, program

START_AND_WAIT = """
from pathlib import Path
from controlplane.embedded.redis import EmbeddedRedis
server = EmbeddedRedis(Path(sys.argv[1]), death_signal=int(sys.argv[2]))
say({"url": server.start(), "pid": server.pid})
sys.stdin.read()
"""


def client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, decode_responses=True)


def test_restart_keeps_url_and_data(redis_server: EmbeddedRedis, open_folder: Path) -> None:
    url = redis_server.start()
    client(url).set("kept", "safe")
    redis_server.stop()

    again = EmbeddedRedis(open_folder / "redis")

    assert again.start() == url
    assert client(url).get("kept") == "safe"
    again.stop()


def test_data_survives_kill_9_of_the_server(redis_server: EmbeddedRedis) -> None:
    url = redis_server.start()
    client(url).set("kept", "safe")
    assert redis_server.pid

    os.kill(redis_server.pid, signal.SIGKILL)
    assert wait_until(lambda: not redis_server.running(), seconds=100)
    redis_server.restart()

    assert client(url).get("kept") == "safe"


def test_without_its_password_nothing_is_answered(redis_server: EmbeddedRedis, open_folder: Path) -> None:
    url = redis_server.start()
    port = int(url.rpartition(":")[2].removesuffix("/0"))

    with socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.sendall(b"PING\r\n")
        assert stranger.recv(100).startswith(b"-NOAUTH")
    assert stat.S_IMODE((open_folder / "redis/valkey.conf").stat().st_mode) == 0o600
    command = Path(f"/proc/{redis_server.pid}/cmdline").read_text()
    assert url.split("@")[0].split(":")[2] not in command


def test_kill_9_of_the_starter_ends_the_server(open_folder: Path) -> None:
    with program(START_AND_WAIT, open_folder / "redis", int(signal.SIGTERM)) as starter:
        said = starter.hear()
        starter.kill()

        assert wait_until(lambda: gone(said["pid"]), seconds=100)


def test_leftover_of_a_killed_starter_is_stopped(open_folder: Path) -> None:
    with program(START_AND_WAIT, open_folder / "redis", 0) as starter:
        said = starter.hear()
        client(said["url"]).set("kept", "safe")
        starter.kill()
    assert not gone(said["pid"])

    server = EmbeddedRedis(open_folder / "redis")
    url = server.start()

    assert gone(said["pid"])
    assert url == said["url"]
    assert client(url).get("kept") == "safe"
    server.stop()


def test_second_start_on_the_same_folder_names_the_first(open_folder: Path) -> None:
    with program(START_AND_WAIT, open_folder / "redis", int(signal.SIGTERM)) as other:
        said = other.hear()

        with pytest.raises(AlreadyRunningError, match=f"process {other.pid} uses"):
            EmbeddedRedis(open_folder / "redis").start()

        other.kill()
        assert wait_until(lambda: gone(said["pid"]), seconds=100)


def test_fixed_port_in_use_is_one_clear_line(open_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(PortInUseError, match=f"Redis cannot listen on 127.0.0.1:{port}: another program"):
            EmbeddedRedis(open_folder / "redis", port=port).start()


def test_broken_data_is_put_aside(redis_server: EmbeddedRedis, open_folder: Path) -> None:
    url = redis_server.start()
    client(url).set("kept", "safe")
    redis_server.stop()
    for part in (open_folder / "redis/data/appendonlydir").glob("*.aof"):
        part.write_bytes(b"this is no append only file\n" * 10)
    notices: list[str] = []

    again = EmbeddedRedis(open_folder / "redis", notice=notices.append)

    assert client(again.start()).get("kept") is None
    (aside,) = (open_folder / "redis").glob("data.broken-*")
    assert notices == [
        f"Redis could not read its data and starts empty (nothing is lost); the old files are in {aside}."
    ]
    again.stop()


def test_full_disk_is_one_clear_line(small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(b"\0" * shutil.disk_usage(small_disk).free)

    with pytest.raises(DiskFullError, match=f"Redis cannot write to {small_disk}/redis: no space is left on that disk"):
        EmbeddedRedis(small_disk / "redis").start()
