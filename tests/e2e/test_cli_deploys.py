"""`daggerboard deploy`, `ci` and `branch` through the real system, as a user runs them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.repositories import ASSET, FILES, commit, git, make_repository
from tests.installation import PROJECTS, Installation

pytestmark = pytest.mark.timeout(300)
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "shop")


@pytest.fixture
def run(daggerboard: Installation, repository: Path) -> Command:
    """Runs the command in the repository."""
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("DAGGERBOARD_", "GITHUB_", "GITLAB_", "CI_"))
    }

    def invoke(
        *words: str, code: int = 0, folder: Path = repository, **more: str
    ) -> "subprocess.CompletedProcess[str]":
        env = {**environment, "DAGGERBOARD_HOME": str(daggerboard.home), **more}
        command = [sys.executable, "-m", "controlplane.cli.main", *words]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    return invoke


def numbers(answer: dict[str, Any]) -> dict[str, int]:
    return {location["name"]: location["desired_version"]["number"] for location in answer["locations"]}


def test_only_what_changed_in_a_monorepo_is_uploaded_and_loaded(run: Command, repository: Path) -> None:
    first = run("deploy", "--json")
    commit(repository, "Second", {"sales/defs.py": ASSET.format(name="changed"), "README": "new"})
    second = run("deploy", "--json")
    third = run("deploy")

    assert numbers(json.loads(first.stdout)) == {"sales": 1, "ml": 1}
    for phase in ("queued", "pulled", "started", "loaded"):
        assert f"sales: {phase} " in first.stderr
    assert numbers(json.loads(second.stdout)) == {"sales": 2, "ml": 1}
    assert "ml: nothing changed, version 1 stays" in second.stderr
    assert "Nothing to upload" in third.stderr
    version = json.loads(second.stdout)["locations"][0]["desired_version"]
    assert version["git_commit"] == git(repository, "rev-parse", "HEAD")
    # The token that CI cloned with goes nowhere.
    assert version["git_url"] == "https://git.example.com/acme/shop.git"


def test_failed_load_prints_the_traceback_and_fails(run: Command, repository: Path) -> None:
    (repository / "ml/defs.py").write_text("def broken():\n    raise ValueError('so it goes')\n\n\nbroken()\n")

    failed = run("deploy", "broken", "ml", "--python-file", "defs.py", code=1)

    assert "The code location broken failed to load." in failed.stderr
    assert "ValueError: so it goes" in failed.stderr
    assert 'defs.py", line 2, in broken' in failed.stderr


def test_nobody_serves_the_queue_is_said(run: Command) -> None:
    waited = run("deploy", "ml", "--queue", "nobody", "--timeout", "2", code=1)

    assert waited.stderr.count("it does not serve the queue nobody, only default") == 2
    assert "Not loaded after 2 s: ml" in waited.stderr
    assert "queue nobody" in run("deploy", "ml", "--queue", "nobody", "--no-wait").stderr


def test_local_folder_is_loaded_where_it_lies(run: Command, repository: Path) -> None:
    done = run("deploy", "here", "ml", "--local", "--python-file", "defs.py", "--json")

    version = json.loads(done.stdout)["locations"][0]["desired_version"]
    assert version["target"]["working_directory"] == str(repository / "ml")
    assert version["source_sha256"] == ""


def test_project_file_with_a_mistake_is_refused_before_anything_is_sent(run: Command, repository: Path) -> None:
    (repository / "dagster_cloud.yaml").write_text(FILES["dagster_cloud.yaml"].replace("build", "biuld", 1))

    refused = run("deploy", code=2)

    assert "dagster_cloud.yaml:4: locations[0].biuld: There is no key biuld. Did you mean build?" in refused.stderr


def test_ci_deploys_a_pull_request_and_its_runs_are_found_by_number(run: Command, repository: Path) -> None:
    base = git(repository, "rev-parse", "HEAD")
    git(repository, "checkout", "-q", "-b", "feature")
    head = commit(repository, "Work", {"sales/defs.py": ASSET.format(name="orders_of_branch")})
    told = ("--pull-request", "31", "--pull-request-url", "https://git.example.com/acme/shop/pull/31")

    begun = json.loads(run("ci", "init", *told, "--json").stdout)
    built = json.loads(run("ci", "build", "--json").stdout)
    deployed = json.loads(run("ci", "deploy", "--json").stdout)
    status = json.loads(run("ci", "status", "--json").stdout)
    branch = json.loads(run("branch", "list", "--json", "--repository", "acme/shop").stdout)[0]
    ran = json.loads(
        run(
            "job", "launch", "--location", "sales", "--asset-key", "orders_of_branch", "--wait", "--pr", "31", "--json"
        ).stdout
    )

    assert (begun["branch_deployment"], begun["locations"]) == (True, ["sales", "ml"])
    assert all(location["sha256"] for location in built["locations"])
    assert (deployed["deployment"], deployed["url"]) == (begun["deployment"], begun["url"])
    assert {location["status"] for location in status["locations"]} == {"success"}
    assert (branch["name"], branch["pull_request"], branch["head_sha"]) == (begun["deployment"], 31, head)
    assert branch["merge_base_sha"] == base
    assert ran["status"] == "SUCCESS"
    assert "| sales | ✅ success | 1 asset, 1 job in " in run("ci", "status", "--markdown").stdout

    slept = json.loads(run("branch", "sleep", "--pr", "31", "--json").stdout)
    woken = json.loads(run("branch", "wake", begun["deployment"], "--json").stdout)
    closed = json.loads(run("branch", "close", "--branch", "feature", "--json").stdout)
    assert (slept["state"], woken["state"]) == ("sleeping", "active")
    assert closed["state"] in {"closing", "archived"}
    run("branch", "wake", "--pr", "3100", code=4)


def test_ci_on_the_default_branch_deploys_to_the_full_deployment(run: Command, repository: Path) -> None:
    begun = json.loads(run("ci", "init", "--json", "--location-name", "ml").stdout)
    refused = run("ci", "deploy", code=2)
    output = run("ci", "set-build-output", "--image-tag", "x", code=2)

    assert (begun["branch_deployment"], begun["deployment"], begun["locations"]) == (False, "prod", ["ml"])
    assert "Nothing was built for ml" in refused.stderr
    assert "ml has no build registry" in output.stderr
    run("ci", "build")
    assert "success" in run("ci", "deploy").stdout + run("ci", "status").stdout


def test_project_of_dg_is_packed_and_loaded_as_dagster_would(run: Command, tmp_path: Path) -> None:
    project = tmp_path / "dgp"
    shutil.copytree(PROJECTS.parent / "worker/projects/dg_project", project)

    done = run("deploy", "--json", folder=project)

    (location,) = json.loads(done.stdout)["locations"]
    assert (location["name"], location["desired_version"]["state"]) == ("dgp", "loaded")
    assert location["desired_version"]["counts"]["assets"] > 0


def test_pull_writes_what_reads_back(run: Command, repository: Path) -> None:
    run("deploy", "--no-wait")

    text = run("pull").stdout

    assert "location_name: sales" in text
    (repository / "copy.yaml").write_text(text)
    assert "There is no file to pack" not in run("deploy", "ml", "--file", "copy.yaml", "--no-wait").stderr
