"""Promises R1, R8, R9: whatever dies at random, every run ends in exactly one terminal state, and no event is lost or doubled."""

import os
import random
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from controlplane.cli.errors import CommandError
from tests.installation import TERMINAL, Installation, installed
from tests.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

RUNS_A_ROUND = 10
# Each once in the first rounds, then whatever chance says; KILL_ROUNDS=60 makes the promise's 600 runs.
VICTIMS = ("agent", "web", "postgres", "code worker", "redis", "worker", "clock")
ROUNDS = int(os.environ.get("KILL_ROUNDS", "12"))
FINAL_EVENTS = {"PIPELINE_SUCCESS", "PIPELINE_FAILURE", "PIPELINE_CANCELED"}


def test_every_run_ends_once_and_no_event_is_lost_or_doubled(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown when it fails, to try the same again
    chance = random.Random(seed)
    victims = [*VICTIMS, *(chance.choice(VICTIMS) for _ in range(ROUNDS - len(VICTIMS)))]
    with installed(tmp_path / "home") as daggerboard:
        daggerboard.deploy_acceptance()

        runs = [run for victim in victims for run in launch_and_kill(daggerboard, victim, chance)]
        ended = [wait_for_the_end(daggerboard, run) for run in runs]

        for run in ended:
            assert_events_are_whole(daggerboard, run)


def launch_and_kill(daggerboard: Installation, victim: str, chance: random.Random) -> list[str]:
    """Launch a few runs, kill somebody in their midst, and wait until all is well again."""
    fatal = chance.randrange(RUNS_A_ROUND)
    runs = []
    for number in range(RUNS_A_ROUND):
        runs.append(launch_whatever_happens(daggerboard))
        if number == fatal:
            assert kill(daggerboard, victim), victim
    eventually(lambda: is_well(daggerboard), bool, seconds=180)
    return runs


def launch_whatever_happens(daggerboard: Installation) -> str:
    """A client that asks again, as a client must while servers die."""

    def attempt() -> str | None:
        with suppress(CommandError):
            return daggerboard.launch(assets=["quick"])
        return None

    return eventually(attempt, bool, seconds=180) or ""


def is_well(daggerboard: Installation) -> bool:
    with suppress(CommandError), daggerboard.client as client:
        agents = client.get("/api/v1/organizations/demo/agents/")["results"]
        return bool(client.get("/readyz")) and agents[0]["state"] == "connected"
    return False


def wait_for_the_end(daggerboard: Installation, run_id: str) -> dict:
    def look() -> dict:
        with suppress(CommandError):
            return daggerboard.run(run_id)
        return {"status": "unknown"}

    return eventually(look, lambda found: found["status"] in TERMINAL, seconds=180)


def assert_events_are_whole(daggerboard: Installation, run: dict) -> None:
    with daggerboard.client as client:
        events = list(client.pages(f"runs/{run['id']}/events/", limit=500))
    by_attempt: dict[int, list[int]] = {}
    for event in events:
        by_attempt.setdefault(event["attempt"], []).append(event["seq"])
    for numbers in by_attempt.values():
        assert numbers == list(range(1, len(numbers) + 1)), run
    finals = [e["type"] for e in events if e["type"] in FINAL_EVENTS]
    assert len(finals) <= 1, run
    if run["status"] == "SUCCESS":
        assert finals == ["PIPELINE_SUCCESS"], run


def kill(daggerboard: Installation, victim: str) -> bool:
    if victim != "code worker":
        return eventually(lambda: daggerboard.kill(victim), bool, seconds=180)
    # The parents only: a run that one has forked goes on without it.
    workers = eventually(daggerboard.code_workers, bool, seconds=180)
    for pid in workers:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(workers)
