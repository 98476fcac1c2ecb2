"""Sensors of a real project, with real processes that are killed: each tick once, each run key one run, nothing waits for what hangs."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from controlplane.cli.errors import CommandError
from tests.installation import PROJECTS, Installation, installed
from tests.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

# Each once, two at the same time.
VICTIMS = (("clock", "worker"), ("agent", "web"))
AT = "automation"


def sensor(installation: Installation, name: str) -> dict[str, Any]:
    """As it is now; nothing while the server is down."""
    with suppress(CommandError), installation.client as client:
        found: dict[str, Any] = client.get(f"sensors/{AT}/{name}/")
        return found
    return {}


def ticks(installation: Installation, name: str, kind: str = "sensors") -> list[dict[str, Any]]:
    with suppress(CommandError), installation.client as client:
        return list(client.pages(f"{kind}/{AT}/{name}/ticks/", limit=500))
    return []


def counted(installation: Installation) -> int:
    return int(sensor(installation, "counting").get("cursor") or 0)


def test_every_tick_happens_once_whoever_dies(tmp_path: Path) -> None:
    with installed(tmp_path / "home") as daggerboard:
        daggerboard.deploy(
            AT, {"python_file": "automation.py", "working_directory": str(PROJECTS / "automation")}, seconds=120
        )
        eventually(lambda: counted(daggerboard), lambda count: count >= 1, seconds=120)
        a_test_stores_nothing_until_it_is_applied(daggerboard)
        forget_all(daggerboard)
        for victims in VICTIMS:
            before = counted(daggerboard)
            for victim in victims:
                assert eventually(lambda victim=victim: daggerboard.kill(victim), bool), victim
            eventually(lambda: counted(daggerboard), lambda count, before=before: count > before + 1, seconds=180)

        with daggerboard.client as client:
            client.post(f"sensors/{AT}/counting/stop/")
            count = int(client.get(f"sensors/{AT}/counting/")["cursor"])
        eventually(lambda: runs_by_key(daggerboard), lambda keys: len(keys) >= count, seconds=120)

        assert runs_by_key(daggerboard) == {str(number): 1 for number in range(1, count + 1)}
        moved = [tick for tick in ticks(daggerboard, "counting") if tick["status"] in {"SUCCESS", "SKIPPED"}]
        assert len(moved) >= count
        hung = eventually(
            lambda: [t for t in ticks(daggerboard, "hanging") if t["status"] == "FAILURE"], bool, seconds=120
        )
        assert hung
        assert {tick["status"] for tick in ticks(daggerboard, "failing")} <= {"FAILURE", "STARTED", "WAITING", "MISSED"}
        eventually(lambda: reactions(daggerboard), bool, seconds=120)


def forget_all(daggerboard: Installation) -> None:
    """Redis loses everything it holds: queued tasks and wake-ups. That only makes what comes slower."""
    web = daggerboard.pid_of("web")
    with redis.Redis.from_url(psutil.Process(web).environ()["DAGGERBOARD_REDIS_URL"]) as client:
        client.flushall()


def a_test_stores_nothing_until_it_is_applied(daggerboard: Installation) -> None:
    with daggerboard.client as client:
        preview = client.post(f"sensors/{AT}/growing/test/")
        assert [request["partition"] for request in preview["requests"]] == ["place-1"]
        assert sensor(daggerboard, "growing")["cursor"] is None

        tick = client.post(f"sensors/{AT}/growing/apply/", {"token": preview["token"]})

        assert tick["status"] == "SUCCESS", tick
        assert sensor(daggerboard, "growing")["cursor"] == "1"
        [run] = client.get(f"ticks/{tick['id']}/")["requests"]
        assert run["state"] == "launched", run
        with pytest.raises(CommandError) as again:
            client.post(f"sensors/{AT}/growing/apply/", {"token": preview["token"]})
        assert "since" in str(again.value) or "already" in str(again.value)


def runs_by_key(daggerboard: Installation) -> dict[str, int]:
    """How many runs each run key of `counting` has."""
    found: dict[str, int] = {}
    with suppress(CommandError), daggerboard.client as client:
        for run in client.pages("runs/", limit=500):
            if run["tags"].get("dagster/sensor_name") == "counting":
                key = run["tags"]["dagster/run_key"]
                found[key] = found.get(key, 0) + 1
    return found


def reactions(daggerboard: Installation) -> list[Any]:
    """Runs that the run-status sensor reacted to."""
    with suppress(CommandError), daggerboard.client as client:
        for tick in client.pages(f"sensors/{AT}/reacting/ticks/", status="SUCCESS", limit=20):
            found: list[Any] = client.get(f"ticks/{tick['id']}/")["reactions"]
            return found
    return []
