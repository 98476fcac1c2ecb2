"""Two hundred sleeping branch deployments of ten code locations each: their pages, their processes, their storage."""

import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.measuring import Values
from benchmarks.own.browser import signed_in
from benchmarks.own.inside import run_inside
from benchmarks.progress import say
from benchmarks.statistic import percentile, spread
from benchmarks.system import MeasureError
from tests.installation import Installation, installed

BRANCHES, SAMPLED = 200, 25
_PAGES = ("", "assets", "code-locations", "runs")


def many_branches() -> Values:
    """Pages over HTTP with a person's session, scripts and pictures not counted; storage is what the object store holds."""
    with (
        tempfile.TemporaryDirectory(prefix="daggerboard-benchmarks-") as folder,
        installed(Path(folder) / "home") as installation,
    ):
        names = _add(installation, 1, first=1)
        one = _stored(installation)
        names += _add(installation, BRANCHES - 1, first=2)
        ratio = _stored(installation) / one
        workers = installation.code_workers()
        if workers:
            raise MeasureError(f"{len(workers)} code workers run for branches that sleep.")
        samples = _pages(installation, names)
    say(f"Daggerboard: {BRANCHES} branches store {ratio:.2f} times what one does ({one / 1024:.0f} KiB)")
    say(f"Daggerboard: pages of branches {spread(samples)} ms")
    return {"branch_page_p95_ms": percentile(samples, 95), "storage_200_branches_ratio": ratio}


def _add(installation: Installation, count: int, *, first: int) -> list[str]:
    unlimited = {"DAGGERBOARD_QUOTA_BRANCH_DEPLOYMENTS": "0"}
    found: list[str] = run_inside(installation, "branch_rows", count, first, **unlimited)
    return found


def _stored(installation: Installation) -> int:
    return sum(path.stat().st_size for path in (installation.home / "objects").rglob("*") if path.is_file())


def _pages(installation: Installation, names: list[str]) -> list[float]:
    with signed_in(installation) as context:
        cookies = {cookie["name"]: cookie["value"] for cookie in context.cookies()}
    sampled = names[:: max(1, len(names) // SAMPLED)]
    addresses = [f"/demo/{name}/{page}" for name in sampled for page in _PAGES]
    with httpx.Client(base_url=installation.url, cookies=cookies, timeout=60, trust_env=False) as http:
        # What a process reads for the first time, it keeps.
        for address in ["/demo/branches", *addresses[: len(_PAGES)]]:
            _fetch(http, address)
        return [_fetch(http, address) for address in [*addresses, *["/demo/branches"] * SAMPLED]]


def _fetch(http: httpx.Client, address: str) -> float:
    began = time.perf_counter()
    answer = http.get(address)
    took = (time.perf_counter() - began) * 1000
    if answer.status_code != httpx.codes.OK:
        raise MeasureError(f"{address} answered {answer.status_code}.")
    return took
