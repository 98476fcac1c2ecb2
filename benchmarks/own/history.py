"""A long history: how quick its lists are with each of their filters, and what deleting a month of it takes."""

import json
import os
import subprocess
import sys
import time
from typing import Any

import httpx

from benchmarks.measuring import Values
from benchmarks.progress import say
from benchmarks.statistic import percentile, spread
from benchmarks.system import MeasureError
from controlplane.cli.stack import SETTINGS_FILE
from tests.installation import Installation

RUNS, EVENTS, WEEKS = 1_000_000, 10_000_000, 5
ROUNDS = 5
# Names of `runs` filters on pages, where they differ from the API's.
_PAGE_NAMES = {"launched_by": "by"}
_FILTERS: tuple[dict[str, str], ...] = (
    {},
    {"status": "FAILURE"},
    {"status": "STARTED"},
    {"job": "job_3"},
    {"job": "nowhere"},
    {"location": "other"},
    {"location": "nowhere"},
    {"asset": "asset_7"},
    {"partition": "p12"},
    {"launched_by": "person-3"},
    {"tag": "team=t3"},
    {"tag": "rare=yes"},
    {"tag": "no=such"},
    {"asset": "asset_7", "partition": "p12"},
    {"tag": "team=t3", "status": "CANCELED"},
    {"tag": "team=t4", "launched_by": "person-3"},
    {"job": "job_3", "status": "FAILURE"},
    {"job": "job_3", "tag": "team=t4"},
    {"location": "other", "status": "FAILURE"},
    {"asset": "asset_7", "tag": "team=t3", "status": "FAILURE"},
)
_PAGES = (
    "",
    "runs/{run}",
    "asset?key=asset_7",
    "asset?key=asset_7&tab=history",
    "asset?key=asset_7&tab=checks",
    "jobs",
)
_LISTS = ("runs/{run}/events/", "materializations/?asset=asset_7", "check-evaluations/?asset=asset_7", "assets/")


def long_history(installation: Installation) -> Values:
    """Lists over REST and by page, then the deletion of what is older than a day."""
    began = time.perf_counter()
    made = _program(installation, "fill", RUNS, EVENTS, WEEKS)
    say(f"{RUNS:,} runs with {EVENTS:,} events after {time.perf_counter() - began:.0f} s")
    addresses = [*_addresses(made)]
    samples: dict[str, list[float]] = {}
    cookies = {made["cookie"]: made["session"]}
    headers = {"Authorization": f"Bearer {made['token']}"}
    with httpx.Client(base_url=installation.url, timeout=60, trust_env=False) as http:
        for turn in range(ROUNDS + 1):
            for address, params in addresses:
                took = _fetch(http, address, params, headers if address.startswith("/api/") else {}, cookies)
                # What a process reads for the first time, it keeps.
                if turn:
                    samples.setdefault(f"{address} {params}", []).append(took)
    every = [took for found in samples.values() for took in found]
    slowest = max(samples, key=lambda name: percentile(samples[name], 50))
    say(f"Daggerboard: lists over a long history {spread(every)} ms, the slowest {slowest}")
    dropped = _program(installation, "drop", made["slug"])
    return {"list_million_runs_p95_ms": percentile(every, 95), "delete_30_days_s": dropped["seconds"]}


def _addresses(made: dict[str, str]) -> list[tuple[str, dict[str, str]]]:
    api, page = f"/api/v1/organizations/{made['slug']}/deployments/prod/", f"/{made['slug']}/prod/"
    found: list[tuple[str, dict[str, str]]] = []
    for filters in _FILTERS:
        found.append((f"{api}runs/", filters))
        found.append((f"{page}runs", {_PAGE_NAMES.get(name, name): value for name, value in filters.items()}))
    found += [(api + path.format(run=made["run_id"]), {}) for path in _LISTS]
    return found + [(page + path.format(run=made["run_id"]), {}) for path in _PAGES]


def _fetch(
    http: httpx.Client, address: str, params: dict[str, str], headers: dict[str, str], cookies: dict[str, str]
) -> float:
    # Parameters in the address and given beside it would replace each other.
    url = httpx.URL(address).copy_merge_params(params) if params else httpx.URL(address)
    if not headers:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    began = time.perf_counter()
    answer = http.get(url, headers=headers)
    took = (time.perf_counter() - began) * 1000
    if answer.status_code != httpx.codes.OK:
        raise MeasureError(f"{url} answered {answer.status_code}.")
    return took


def _program(installation: Installation, *words: object) -> dict[str, Any]:
    settings = json.loads((installation.home / SETTINGS_FILE).read_text())
    command = [sys.executable, "-m", "benchmarks.own.history_rows", *map(str, words)]
    environment = {**os.environ, **settings, "DJANGO_SETTINGS_MODULE": "controlplane.config.settings"}
    said = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found
