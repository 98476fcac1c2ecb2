"""A backfill with real processes that are killed: each partition is launched once, and the final state is right.

The whole promise is `BACKFILL_PARTITIONS=2000 BACKFILL_KILLS=10 pytest tests/faults/test_backfills.py`.
"""

import os
import shutil
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from controlplane.cli.errors import CommandError
from tests.installation import PROJECTS, Installation, installed
from tests.waiting import eventually

PARTITIONS = int(os.environ.get("BACKFILL_PARTITIONS", "8"))
KILLS = int(os.environ.get("BACKFILL_KILLS", "3"))
pytestmark = [pytest.mark.faults, pytest.mark.timeout(900 + 10 * PARTITIONS)]
VICTIMS = ("evaluator", "clock", "agent")


def test_each_partition_is_launched_once_whoever_dies(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(PROJECTS / "backfills", project)
    (project / "broken").touch()
    with installed(tmp_path / "home") as daggerboard:
        daggerboard.deploy("numbers", {"python_file": "backfills.py", "working_directory": str(project)}, seconds=120)
        last = f"{PARTITIONS - 1:04}"
        with daggerboard.client as client:
            asked = {"assets": ["raw", "clean"], "partitions": f"0000...{last}"}
            made = client.post("backfills/", asked)
        for number in range(KILLS):
            done = (number + 1) * 2 * PARTITIONS // (KILLS + 1)
            eventually(lambda: look(daggerboard, made), lambda found, done=done: ended(found) >= done, seconds=600)
            victim = VICTIMS[number % len(VICTIMS)]
            eventually(lambda victim=victim: daggerboard.kill(victim), bool, seconds=120)
        over = wait_for_the_end(daggerboard, made)

        assert over["status"] == "COMPLETED_FAILED"
        assert over["counts"] == {"materialized": 2 * PARTITIONS - 1, "failed": 1}
        assert set(launched(daggerboard, made).values()) == {1}

        (project / "broken").unlink()
        with daggerboard.client as client:
            again = client.post(f"backfills/{made['id']}/retry/")
        assert wait_for_the_end(daggerboard, again)["counts"] == {"materialized": 1}
        assert launched(daggerboard, again) == {("clean", "0003"): 1}


def look(daggerboard: Installation, made: dict[str, Any]) -> dict[str, Any]:
    """As it is now; as it was at first while the server is down."""
    with suppress(CommandError), daggerboard.client as client:
        found: dict[str, Any] = client.get(f"backfills/{made['id']}/")
        return found
    return made


def ended(found: dict[str, Any]) -> int:
    return sum(found["counts"].get(state, 0) for state in ("materialized", "failed"))


def wait_for_the_end(daggerboard: Installation, made: dict[str, Any]) -> dict[str, Any]:
    seconds = 240 + 5 * PARTITIONS
    return eventually(lambda: look(daggerboard, made), lambda found: found["ended_at"], seconds=seconds)


def launched(daggerboard: Installation, made: dict[str, Any]) -> Counter[tuple[str, str]]:
    """How many runs were launched for each partition of each asset."""
    with daggerboard.client as client:
        runs = list(client.pages(f"backfills/{made['id']}/runs/", limit=500))
    return Counter((asset, _key(run)) for run in runs for asset in run["target_assets"])


def _key(run: dict[str, Any]) -> str:
    """A run of a policy has a range, also of one."""
    return str(run["partition_key"] or run["tags"]["dagster/asset_partition_range_start"])
