"""Many organizations in one installation: how quick lists stay, and whether one organization's queue makes another wait."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import httpx

from benchmarks.measuring import Values
from benchmarks.own.daggerboard import LOCATION, DaggerboardSystem
from benchmarks.own.inside import run_inside
from benchmarks.progress import say
from benchmarks.statistic import percentile, spread
from benchmarks.system import MeasureError
from tests.installation import Installation

ORGANIZATIONS, RUNS, QUEUED = 10_000, 1_000_000, 5_000
ROUNDS, LAUNCHES = 8, 40
_LISTS = ("deployments/prod/runs/", "deployments/prod/runs/?status=SUCCESS", "deployments/", "deployments/prod/assets/")


def list_pages(installation: Installation) -> Values:
    """Lists over REST, of organizations picked from the crowd; what the server and loopback take."""
    began = time.perf_counter()
    people = crowd(installation, "history", ORGANIZATIONS, RUNS)
    say(f"{ORGANIZATIONS:,} organizations with {RUNS:,} runs after {time.perf_counter() - began:.0f} s")
    with httpx.Client(base_url=installation.url, timeout=60, trust_env=False) as http:
        samples = [_fetch(http, person, path) for _ in range(ROUNDS) for person in people for path in _LISTS]
    say(f"Daggerboard: lists at {ORGANIZATIONS:,} organizations {spread(samples)} ms")
    return {"list_10k_orgs_p95_ms": percentile(samples, 95)}


def _fetch(http: httpx.Client, person: dict[str, str], path: str) -> float:
    began = time.perf_counter()
    address = f"/api/v1/organizations/{person['slug']}/{path}"
    http.get(address, headers={"Authorization": f"Bearer {person['token']}"}).raise_for_status()
    return (time.perf_counter() - began) * 1000


def fair_wait(installation: Installation, system: DaggerboardSystem) -> Values:
    """How long runs wait for an agent, alone and beside an organization with a long queue: the ratio of the 95th percentiles."""
    alone = [_waited(system) for _ in range(LAUNCHES)]
    [greedy] = crowd(installation, "queue", QUEUED)
    with _claiming(installation, greedy):
        beside = [_waited(system) for _ in range(LAUNCHES)]
    say(f"Daggerboard: wait alone {spread(alone)} ms, beside {QUEUED:,} queued runs {spread(beside)} ms")
    return {"fair_wait_ratio": percentile(beside, 95) / percentile(alone, 95)}


def _waited(system: DaggerboardSystem) -> float:
    """Milliseconds from the request to the claim, by the database's clock."""
    run_id = system.launch_request({"location": LOCATION, "assets": ["quick"]})
    while (run := system.run(run_id))["status"] not in {"SUCCESS", "FAILURE", "CANCELED"}:
        time.sleep(system.poll_seconds)
    claimed, created = (datetime.fromisoformat(run[name]) for name in ("claimed_at", "created_at"))
    return (claimed - created).total_seconds() * 1000


def _claiming(installation: Installation, greedy: dict[str, Any]) -> "_Claiming":
    words = [sys.executable, "-m", "benchmarks.own.greedy", installation.url]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stdin is not None  # asked for above
    process.stdin.write(json.dumps(greedy).encode() + b"\n")
    process.stdin.flush()
    return _Claiming(process)


class _Claiming:
    """The greedy organization's agent, which claims runs as fast as it is given them while the block lasts."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is not None:
            raise MeasureError("The greedy organization's agent has ended, so it was no competitor.")
        self._process.terminate()
        self._process.wait(30)


def crowd(installation: Installation, *words: object) -> Sequence[dict[str, Any]]:
    """Add organizations behind the installation's back, in its own database, with its own settings."""
    found: list[dict[str, Any]] = run_inside(installation, "crowd", *words)
    return found
