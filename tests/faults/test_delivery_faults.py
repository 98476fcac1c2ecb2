"""No branch deployment outlives its pull request: every webhook of the ends is lost, and the worker is killed again and again."""

import random
from collections.abc import Iterator

import pytest

from tests.delivery.hosts.repositories import FakePullRequest
from tests.previews import Previews, previews, shop
from tests.waiting import eventually

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

COUNT = 15
# These load; what waits for agents of a queue that nobody serves costs next to nothing.
LOADED = {1, 2}
UNSERVED = """
locations:
- location_name: shop
  code_source: {module_name: shop.definitions}
  agent_queue: nobody
"""
# Short, so that the test is: what a killed worker held is free after its lease, and webhooks are done without.
SHORT = {"DAGGERBOARD_RECONCILE_SECONDS": "2", "DAGGERBOARD_DELIVERY_LEASE_SECONDS": "10"}
# What reconciling asks first, and what one that is under way asks next.
RECONCILING = r"GET /api/v3/repositories/\d+(/pulls)?$"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Previews]:
    with previews(tmp_path_factory.mktemp("delivery"), shop("orders"), **SHORT) as made:
        yield made


def opened(here: Previews, number: int) -> FakePullRequest:
    files = shop("orders", f"asset_{number}")
    here.repository.push(f"change-{number}", files if number in LOADED else files | {"dagster_cloud.yaml": UNSERVED})
    return here.repository.open_pull_request(f"change-{number}")


def states(here: Previews) -> dict[str, str]:
    return {found["name"]: found["state"] for found in here.call("GET", "branch-deployments/?limit=100")["results"]}


def kill_worker(here: Previews) -> None:
    """As the kernel does it; whoever started it, starts it again."""
    before = here.installation.pid_of("worker")
    eventually(lambda: here.installation.kill("worker"), bool, seconds=180)
    eventually(lambda: here.installation.pid_of("worker"), lambda pid: pid not in {None, before}, seconds=180)


def test_nothing_outlives_its_pull_request(here):
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown when it fails, to try the same again
    fatal = sorted(random.Random(seed).sample(range(1, COUNT), 2))

    pulls = []
    for number in range(1, COUNT + 1):
        pulls.append(opened(here, number))
        if number in fatal:
            kill_worker(here)
    names = {f"pr-{pull.number}" for pull in pulls}
    eventually(lambda: states(here), lambda found: found == dict.fromkeys(names, "active"), seconds=180)
    for number in LOADED:
        here.wait_said(pulls[number - 1], "Ready", seconds=180)
    eventually(lambda: [len(pull.comments) for pull in pulls], lambda found: found == [1] * COUNT, seconds=180)
    here.wait_workers(1 + len(LOADED))

    # Without reconciling, a webhook ends the pull request that it is about, and the lost ones end none.
    here.host.fail(503, path=RECONCILING, times=float("inf"))
    last = pulls[-1]
    here.host.outbox.loses = lambda delivery: f'"number": {last.number},'.encode() not in delivery.body
    for pull in pulls:
        pull.close()
    here.wait_state(f"pr-{last.number}", "archived", seconds=180)
    assert [name for name, state in states(here).items() if state != "active"] == [f"pr-{last.number}"]

    here.host.recover()
    for _time in range(2):
        kill_worker(here)
    eventually(lambda: states(here), lambda found: found == dict.fromkeys(names, "archived"), seconds=180)
    here.wait_workers(1)
    known = here.repository.deployments.values
    eventually(lambda: {found.state for found in known()}, lambda found: found == {"inactive"}, seconds=180)
    assert [len(pull.comments) for pull in pulls] == [1] * COUNT
    assert len(here.host.outbox.lost) >= COUNT - 1
