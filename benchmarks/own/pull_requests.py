"""Pull requests on a whole installation beside a fake Git host on the same machine: opened, pushed to, asleep and woken."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measuring import Values
from benchmarks.progress import say
from benchmarks.statistic import percentile, spread
from tests.delivery.hosts.repositories import FakePullRequest
from tests.previews import Previews, previews, shop

PULL_REQUESTS, WAKES = 12, 12


def pull_requests() -> Values:
    """Each one after the other has settled: the archive is new each time, what the worker and the agent have cached is warm."""
    with (
        tempfile.TemporaryDirectory(prefix="daggerboard-benchmarks-") as folder,
        previews(Path(folder), shop("orders", "totals")) as here,
    ):
        opened = [_opened(here, number) for number in range(PULL_REQUESTS + 1)]
        pushed = [_pushed(here, pull, number) for number, pull in enumerate(_pulls(here))]
        woken = [_woken(here, f"pr-{number + 1}") for number in range(WAKES)]
    say(f"Daggerboard: opened until loaded and told {spread(opened[1:])} s, the first {opened[0]:.1f} s")
    say(f"Daggerboard: pushed until loaded and told {spread(pushed)} s; woken {spread(woken)} s")
    return {
        "pull_request_ready_p95_s": percentile(opened[1:], 95),
        "push_ready_p95_s": percentile(pushed, 95),
        "branch_wake_p95_s": percentile(woken, 95),
    }


def _pulls(here: Previews) -> list[FakePullRequest]:
    return [pull for number, pull in sorted(here.repository.pull_requests.items()) if number <= PULL_REQUESTS]


def _opened(here: Previews, number: int) -> float:
    branch = f"branch-{number}"
    here.repository.push(branch, shop("orders", "totals", "report", note=f"opened {number}"))

    def open_and_wait() -> None:
        here.wait_said(here.repository.open_pull_request(branch), "Ready", seconds=120)

    return _timed(open_and_wait)


def _pushed(here: Previews, pull: FakePullRequest, number: int) -> float:
    def push_and_wait() -> None:
        here.repository.push(pull.branch, shop("orders", "totals", "report", "more", note=f"pushed {number}"))
        here.wait_said(pull, "Ready", seconds=120)

    return _timed(push_and_wait)


def _woken(here: Previews, name: str) -> float:
    """From the request until its code is loaded again, by the processes of the agent: asleep it has none."""
    before = len(here.installation.code_workers())
    here.call("POST", f"branch-deployments/{name}/sleep/")
    here.wait_workers(before - 1)

    def wake_and_wait() -> None:
        here.call("POST", f"branch-deployments/{name}/wake/")
        run = here.call("POST", f"deployments/{name}/runs/", {"location": "shop", "assets": ["report"]})
        with here.installation.client as client:
            path = f"/api/v1/organizations/{client.profile.organization}/deployments/{name}/runs/{run['id']}/"
            client.wait(path, lambda found: found["status"] != "QUEUED", seconds=60, what="waking", interval=0.02)

    return _timed(wake_and_wait)


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
