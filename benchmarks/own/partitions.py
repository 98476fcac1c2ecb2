"""Assets of half a million partitions, of every kind of definition: their pages, their heat maps, the ways to launch some; and a backfill."""

import datetime
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks.measuring import Values
from benchmarks.own.browser import signed_in
from benchmarks.own.cpu import cpu_told
from benchmarks.own.inside import run_inside
from benchmarks.own.partition_rows import ASSETS
from benchmarks.progress import say
from benchmarks.projects.many_partitions import BACKFILLED, KEYS
from benchmarks.statistic import percentile, spread
from benchmarks.system import MeasureError
from tests.installation import Installation, installed
from tests.waiting import eventually

PROJECT = Path(__file__).parents[1] / "projects"
LOCATION, ROUNDS, BACKFILLS = "many-partitions", 5, 5
_API = "/api/v1/organizations/demo/deployments/prod/partitions/"
# One that is materialized, in the middle of each definition: number 250,300.
_SOME = {
    "static": "key-250300",
    "minutes": "2024-06-22-19:40",
    "both": "2024-02-11-17:00|region-050",
    "dynamic": "customer 250300",
}
_KINDS = ("page", "map", "launch")
FIGURES = (*(f"partition_{kind}_p95_ms" for kind in _KINDS), "partition_payload_kb")
Request = tuple[str, str, dict[str, str]]


def partitions() -> Values:
    """Pages, maps and dialogs. Between two rounds a partition of each asset is reported, as while runs go on."""
    samples: dict[str, dict[str, list[float]]] = {kind: {} for kind in _KINDS}
    largest = 0
    with _many_partitions() as installation, _session(installation) as http:
        _fill(installation)
        with cpu_told(installation):
            for turn in range(ROUNDS + 1):
                _report(installation, turn)
                for kind, address, form in _requests(http):
                    took, size = _fetch(http, address, form)
                    # What a process reads for the first time, it keeps.
                    if turn:
                        samples[kind].setdefault(f"{address} {form.get('what', '')}", []).append(took)
                        largest = max(largest, size)
    for kind, found in samples.items():
        every = [took for one in found.values() for took in one]
        slowest = max(found, key=lambda name: percentile(found[name], 50))
        say(f"Daggerboard: {KEYS:,} partitions, {kind} {spread(every)} ms, the slowest {slowest}")
    values = {
        f"partition_{kind}_p95_ms": percentile([took for one in found.values() for took in one], 95)
        for kind, found in samples.items()
    }
    return {**values, "partition_payload_kb": largest / 1000}


def backfill() -> Values:
    """From the request until the evaluator has planned it. No agent takes its runs: they stay in the queue."""
    with _many_partitions() as installation:
        with installation.client as client:
            client.put("settings/", {"settings": {"concurrency": {"runs": {"max_concurrent_runs": 0}}}})
        samples = [_planned(installation) for _ in range(BACKFILLS + 1)]
    say(f"Daggerboard: backfill of {BACKFILLED:,} x 2, planned after {spread(samples)} s, the first one cold")
    return {"backfill_2000_planned_s": percentile(samples[1:], 95)}


def _planned(installation: Installation) -> float:
    began = datetime.datetime.now(datetime.UTC)
    with installation.client as client:
        made = client.post("backfills/", {"assets": ["few_source", "few"]})["id"]

    def found() -> dict[str, Any]:
        with installation.client as client:
            one: dict[str, Any] = client.get(f"backfills/{made}/")
            return one

    planned = eventually(found, lambda one: bool(one["planned_at"]), seconds=120)
    if planned["counts"].get("targeted", 0) + planned["counts"].get("requested", 0) != 2 * BACKFILLED:
        raise MeasureError(f"The backfill has {planned['counts']} instead of {2 * BACKFILLED} partitions.")
    with installation.client as client:
        client.post(f"backfills/{made}/cancel/", {})
    eventually(found, lambda one: bool(one["ended_at"]), seconds=120)
    return (datetime.datetime.fromisoformat(planned["planned_at"]) - began).total_seconds()


def _requests(http: httpx.Client) -> Iterator[Request]:
    """What a person who looks at an asset asks for: kind, address, and the form that is sent."""
    for asset in ASSETS:
        tab = f"/demo/prod/asset?key={asset}&tab=partitions"
        for query in (
            "",
            "&status=failed",
            "&view=ranges",
            "&view=ranges&status=missing",
            f"&partition={_SOME[asset]}",
        ):
            yield "page", tab + query, {}
        for query in ("", "&status=failed", "&format=ranges"):
            yield "page", f"{_API}?asset={asset}{query}", {}
        yield "page", _deep(http, asset), {}
        for query in ("", "&columns=100-399", "&columns=0-1199&rows=0-99"):
            yield "map", f"{_API}cells/?asset={asset}{query}", {}
        of = f"location={LOCATION}&assets={asset}"
        yield "launch", f"/demo/prod/launchpad?{of}&partition={_SOME[asset]}", {}
        yield "launch", f"/demo/prod/launchpad/keys?kind=partition&{of}&q={_SOME[asset][-6:]}", {}
        yield "launch", f"/demo/prod/backfills/new?{of}", {}
        for what in ("missing", "failed", "missing_and_failed", "all", "latest"):
            yield "launch", "/demo/prod/backfills/new", {"assets": asset, "location": LOCATION, "what": what}


def _deep(http: httpx.Client, asset: str) -> str:
    """The second page of the table, by its link."""
    text = http.get(f"{_API}?asset={asset}&status=materialized").json()["next"]
    return str(httpx.URL(text).raw_path.decode())


def _fetch(http: httpx.Client, address: str, form: dict[str, str]) -> tuple[float, int]:
    """Milliseconds and bytes, as they are before they are compressed."""
    began = time.perf_counter()
    part = {"HX-Request": "true", "HX-Target": "backfill-preview"}
    answer = http.post(address, data=form, headers=part) if form else http.get(address)
    took = (time.perf_counter() - began) * 1000
    if answer.status_code != httpx.codes.OK:
        raise MeasureError(f"{address} {form} answered {answer.status_code}: {answer.text[:300]}")
    return took, len(answer.content)


def _report(installation: Installation, turn: int) -> None:
    """Somebody has made one partition of each."""
    events = [
        {"type": "materialization", "asset": asset, "partition": _SOME[asset], "id": f"{asset}-{turn}"}
        for asset in ASSETS
    ]
    with installation.client as client:
        client.post("asset-events/", {"events": events})


@contextmanager
def _many_partitions() -> Iterator[Installation]:
    with (
        tempfile.TemporaryDirectory(prefix="daggerboard-benchmarks-") as folder,
        installed(Path(folder) / "home") as installation,
    ):
        target = {"python_file": "many_partitions.py", "working_directory": str(PROJECT)}
        installation.deploy(LOCATION, target, seconds=300)
        yield installation


@contextmanager
def _session(installation: Installation) -> Iterator[httpx.Client]:
    with signed_in(installation) as context:
        cookies = {cookie["name"]: cookie["value"] for cookie in context.cookies()}
    headers = {"X-CSRFToken": cookies["daggerboard_csrf"], "Referer": installation.url}
    with httpx.Client(
        base_url=installation.url, cookies=cookies, headers=headers, timeout=120, trust_env=False
    ) as http:
        yield http


def _fill(installation: Installation) -> None:
    began = time.perf_counter()
    found = run_inside(installation, "partition_rows", "fill")
    say(f"{found['states']:,} states after {time.perf_counter() - began:.0f} s")
