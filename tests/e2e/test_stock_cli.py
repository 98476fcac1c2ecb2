"""Pipelines made for dagster-cloud work here: the published command line, unmodified, against a real installation with a real agent."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.stock_cli import StockCli
from tests.installation import Installation
from tests.waiting import eventually

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


def write_yaml(stock: StockCli, *names: str, **more: Any) -> Path:
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
    assert "RunNotFoundError" in stock("run", "status", "0190c0de-0000-7000-8000-000000000000").text


def deployed(stock: StockCli, *names: str, **variables: str) -> str:
    """A whole pipeline, as the published templates have it; what `ci deploy` printed."""
    steps = [
        ["ci", "init", "--project-dir", ".", "--git-url", "https://git.example/acme/shop", "--commit-hash", "0123abcd"],
        ["ci", "set-build-output", "--image-tag", "0123abcd"],
        ["ci", "deploy", "--location-load-timeout", "120"],
        ["ci", "status"],
    ]
    said = [stock(*step, DAGSTER_BUILD_STATEDIR=str(stock.folder / "state"), **variables) for step in steps]
    assert [one.code for one in said] == [0, 0, 0, 0], "\n".join(one.text for one in said)
    states = [json.loads(line) for line in said[3].text.splitlines() if line.startswith("{")]
    assert {state["location_name"]: state["history"][-1]["status"] for state in states} == dict.fromkeys(
        names, "success"
    )
    return said[0].text + said[2].text


def test_pipeline_of_the_main_branch_deploys_every_location(stock: StockCli, daggerboard: Installation) -> None:
    """The image is kept for agents that run images; one that runs processes loads the files it is told of."""
    write_yaml(stock, "etl", "web", build={"registry": "registry.example/shop"})

    said = deployed(stock, "etl", "web")

    assert f"Deploying to {stock.variables['DAGSTER_CLOUD_DEPLOYMENT']}." in said
    assert "Agent synced changes to" in said
    with daggerboard.client as client:
        version = client.get("code-locations/etl/")["current_version"]
    assert (version["state"], version["image"], version["git_commit"]) == (
        "loaded",
        "registry.example/shop:0123abcd",
        "0123abcd",
    )


def test_image_alone_is_refused_by_an_agent_that_runs_processes(stock: StockCli) -> None:
    said = stock(
        *("deployment", "add-location", "only-image", "--package-name", "shop"),
        *("--image", "registry.example/shop:1", "--location-load-timeout", "120"),
    )

    assert said.code == 1
    assert "was deployed as the image registry.example/shop:1" in said.text
    assert stock("deployment", "delete-location", "only-image").code == 0


def pull_request(folder: Path) -> dict[str, str]:
    """What GitHub Actions sets for a workflow of the pull request acme/shop#7."""
    git = ["git", "-c", "user.name=Ann", "-c", "user.email=ann@acme.example"]
    for step in (["init", "-q"], ["add", "-A"], ["commit", "-q", "--allow-empty", "-m", "Add prices"]):
        subprocess.run([*git, *step], cwd=folder, check=True)
    event = {
        "action": "synchronize",
        "repository": {"full_name": "acme/shop"},
        "pull_request": {
            "number": 7,
            "state": "open",
            "merged": False,
            "html_url": "https://github.example/acme/shop/pull/7",
            "head": {"sha": "89ab" * 10, "ref": "prices"},
        },
    }
    (folder / "event.json").write_text(json.dumps(event))
    return {
        "GITHUB_ACTION": "deploy",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_SHA": "cdef" * 10,
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_RUN_ID": "1",
        "GITHUB_EVENT_PATH": str(folder / "event.json"),
    }


def test_pipeline_of_a_pull_request_deploys_to_its_branch_deployment(
    stock: StockCli, daggerboard: Installation
) -> None:
    write_yaml(stock, "etl", build={"registry": "registry.example/shop"})

    said = deployed(stock, "etl", **pull_request(stock.folder))
    with daggerboard.client as client:
        branches = f"/api/v1/organizations/{stock.organization}/branch-deployments/"
        told = client.get(f"{branches}pr-7/")
        deleted = stock("branch-deployment", "delete", "--deployment", "pr-7")
        ended = eventually(lambda: client.get(f"{branches}pr-7/"), lambda one: one["state"] == "archived")

    assert "Deploying to branch deployment pr-7, using base deployment" in said
    assert (told["repository"], told["pull_request"], told["branch"]) == ("acme/shop", 7, "prices")
    assert (told["head_sha"], told["title"], told["state"]) == ("89ab" * 10, "Add prices", "active")
    assert deleted.code == 0, deleted.text
    assert "dagster-cloud" in ended["close_reason"]


def test_pipeline_of_a_merge_request_has_a_branch_deployment(stock: StockCli, daggerboard: Installation) -> None:
    write_yaml(stock, "etl", build={"registry": "registry.example/shop"})
    pull_request(stock.folder)
    url = "https://gitlab.example/acme/data/shop"

    said = stock(
        *("ci", "init", "--project-dir", ".", "--statedir", stock.folder / "state"),
        GITLAB_CI="true",
        CI_COMMIT_SHA="4567" * 10,
        CI_COMMIT_REF_NAME="sizes",
        CI_JOB_URL=f"{url}/-/jobs/1",
        CI_PROJECT_NAME="shop",
        CI_PROJECT_URL=url,
        CI_MERGE_REQUEST_IID="9",
    )

    assert "Deploying to branch deployment pr-9" in said.text, said.text
    with daggerboard.client as client:
        told = client.get(f"/api/v1/organizations/{stock.organization}/branch-deployments/pr-9/")
    assert (told["repository"], told["pull_request"], told["branch"]) == ("acme/data/shop", 9, "sizes")


def test_branch_deployment_is_told_of_by_hand(stock: StockCli) -> None:
    """The command reads no DAGSTER_CLOUD_URL: without --url it would ask the vendor's host."""
    options = ["--git-repo-name", "acme/shop", "--branch-name", "by-hand", "--commit-hash", "01", "--timestamp", "1.5"]
    base = ["--base-deployment-name", stock.variables["DAGSTER_CLOUD_DEPLOYMENT"]]
    options += [*base, "--url", f"{stock.url}/{stock.organization}"]

    made = stock("branch-deployment", "create-or-update", *options)
    again = stock("branch-deployment", "create-or-update", *options)

    assert made.text.strip() == again.text.strip() == "branch-by-hand"
    # This one reads the address only where no organization is named.
    of_context = stock(
        "ci", "branch-deployment", ".", *base, DAGSTER_CLOUD_ORGANIZATION="", **pull_request(stock.folder)
    )
    assert of_context.text.strip() == "pr-7", of_context.text
    full = stock("branch-deployment", "delete", "--deployment", stock.variables["DAGSTER_CLOUD_DEPLOYMENT"])
    assert "is not a branch deployment" in full.text


def test_settings_of_a_deployment_are_set_from_a_file(stock: StockCli) -> None:
    (stock.folder / "settings.yaml").write_text("run_monitoring:\n  start_timeout_seconds: 900\n")

    done = stock("deployment", "settings", "set-from-file", "settings.yaml")

    assert done.code == 0, done.text
    assert yaml.safe_load(stock("deployment", "settings", "get").text) == {
        "run_monitoring": {"start_timeout_seconds": 900}
    }


def test_what_there_is_not_is_said_in_a_sentence(stock: StockCli) -> None:
    assert "REST API" in stock("organization", "settings", "get").text
    wrong = stock("deployment", "list-locations", DAGSTER_CLOUD_API_TOKEN="dgb_user_nonsense")
    assert "not known here" in wrong.text
    assert "There is no deployment called nothing" in stock("deployment", "list-locations", "-d", "nothing").text
