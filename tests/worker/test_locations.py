"""A location is found and loaded as dagster's own command line finds and loads it."""

import hashlib
from typing import Any

import pytest

from tests.worker.dagsters_own import dagsters_own_view
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


@pytest.mark.parametrize("location", NAMED, ids=label)
def test_inspect_named_target_equals_dagsters_own(agent: FakeAgent, location: dict[str, Any]) -> None:
    code, found = agent.inspect(location)

    assert code == 0
    assert {name: found[name] for name in COMPARED} == dagsters_own_view(location)


PROJECTS = [
    ("dagster_block", {"module_name": "block.definitions"}),
    ("dg_project", {"module_name": "dgp.definitions"}),
    ("dg_autoload", {"autoload_defs_module_name": "dga.defs"}),
]


@pytest.mark.parametrize(("name", "target"), PROJECTS)
def test_inspect_project_file_equals_dagsters_own(agent: FakeAgent, name: str, target: dict[str, str]) -> None:
    code, found = agent.inspect(project(name))

    assert code == 0, found
    assert found["assets"] > 0
    assert {key: found[key] for key in COMPARED} == dagsters_own_view(project(name, **target))


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
