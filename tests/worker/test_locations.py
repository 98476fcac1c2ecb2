"""A location is found and loaded as dagster's own command line finds and loads it."""

import hashlib
from typing import Any

import pytest

from tests.worker.dagsters_own import dagsters_own_views
from tests.worker.fake_agent import FakeAgent, project

COMPARED = ("assets", "checks", "jobs", "schedules", "sensors", "partitions", "edge_sha256")

NAMED = [
    project("simple", module_name="assets_only"),
    project("simple", python_file="assets_only.py"),
    project("simple", module_name="one_job"),
    project("simple", module_name="one_graph"),
    project("simple", module_name="one_repository"),
    project("simple", module_name="two_repositories", attribute="repository_b"),
    project("simple", module_name="other_name"),
    project("simple", module_name="lazily"),
    project("simple", python_file="other_name.py", attribute="anything"),
    project("simple", package_name="pack"),
    project("shop", module_name="shop.definitions"),
]


def label(location: dict[str, Any]) -> str:
    return ",".join(str(value) for name, value in location.items() if name not in ("name", "working_directory"))


# A project's own file names the target that dagster is told by hand.
BY_PROJECT = [
    ("dagster_block", {"module_name": "block.definitions"}),
    ("dg_project", {"module_name": "dgp.definitions"}),
    ("dg_autoload", {"autoload_defs_module_name": "dga.defs"}),
]
COMPARED_LOCATIONS = [
    *((location, location) for location in NAMED),
    *((project(name), project(name, **target)) for name, target in BY_PROJECT),
]


@pytest.fixture(scope="module")
def dagsters_own() -> list[dict[str, Any]]:
    return dagsters_own_views([named for _location, named in COMPARED_LOCATIONS])


@pytest.mark.parametrize("place", range(len(COMPARED_LOCATIONS)), ids=lambda place: label(COMPARED_LOCATIONS[place][1]))
def test_inspect_finds_what_dagster_itself_finds(
    agent: FakeAgent, dagsters_own: list[dict[str, Any]], place: int
) -> None:
    code, found = agent.inspect(COMPARED_LOCATIONS[place][0])

    assert code == 0, found
    assert {name: found[name] for name in COMPARED} == dagsters_own[place]


def test_inspect_external_upstream_is_an_asset_with_an_edge(agent: FakeAgent) -> None:
    _, found = agent.inspect(project("simple", module_name="assets_only"))

    lines = b"elsewhere -> \nfirst -> \nsecond -> elsewhere,first"
    assert found["assets"] == 3
    assert found["edge_sha256"] == hashlib.sha256(lines).hexdigest()


REFUSED = [
    (project("simple", module_name="two_repositories"), "2 repositories: repository_a, repository_b"),
    (project("simple", module_name="a", python_file="b.py"), "Keep one of them"),
    (project("many"), "lists 2 modules: one, two"),
    (project("crashing"), "no pyproject.toml"),
]


@pytest.mark.parametrize(("location", "said"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_inspect_unclear_target_says_what_to_do(agent: FakeAgent, location: dict[str, Any], said: str) -> None:
    code, found = agent.inspect(location)

    assert code == 1
    assert found["error"]["cls"] == "LocationError"
    assert said in found["error"]["message"]


@pytest.mark.timeout(400)
def test_worker_chain_of_5000_assets_loads(agent: FakeAgent) -> None:
    worker = agent.start(project("simple", module_name="chain"))

    assert worker.wait_message("ready", patience=300)["counts"]["assets"] == 5000


def test_worker_run_of_one_link_of_a_deep_chain_succeeds(agent: FakeAgent) -> None:
    worker = agent.start(project("simple", module_name="chain"), env={"CHAIN_LENGTH": "1500"})

    run = worker.run(asset_selection=["link_01000"])

    assert run.status == "SUCCESS"
