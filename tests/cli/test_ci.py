"""`daggerboard ci` and `branch` against a real server, with the token that `tokens create --ci` makes and no agent."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from controlplane.cli.errors import CommandError, ExitCode
from controlplane.cli.main import app
from controlplane.deployments.models import BranchDeployment, LocationVersion
from tenants.scoping import org_scope
from tests.cast import Cast
from tests.cli.repositories import FILES, commit, git, make_repository
from tests.factories import make_location
from tests.ui.server import serving

Run = Callable[..., str]
PULL = ("--pull-request", "5")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "shop")


@pytest.fixture
def run(address: str, cast: Cast, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in the repository, as CI does, and answers what it printed."""
    for name in ("GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)
    given = {"URL": address, "TOKEN": cast.user_token.text, "ORGANIZATION": cast.org.slug, "DEPLOYMENT": "prod"}
    for name, value in given.items():
        monkeypatch.setenv(f"DAGGERBOARD_{name}", value)
    monkeypatch.chdir(repository)

    def invoke(*words: str) -> str:
        result = CliRunner().invoke(app, list(words))
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.stdout

    monkeypatch.setenv("DAGGERBOARD_TOKEN", json.loads(invoke("tokens", "create", "ci", "--ci", "--json"))["token"])
    return invoke


def answer(run: Run, *words: str) -> Any:
    """The one JSON document that it prints."""
    return json.loads(run(*words, "--json"))


def branch_rows(cast: Cast) -> list[BranchDeployment]:
    with org_scope(cast.org_id):
        return list(BranchDeployment.objects.for_org(cast.org_id).select_related("deployment"))


def versions(cast: Cast) -> list[LocationVersion]:
    with org_scope(cast.org_id):
        return list(LocationVersion.objects.for_org(cast.org_id).select_related("location").order_by("number"))


def test_branch_deployment_is_told_everything_that_git_knows(cast: Cast, run: Run, repository: Path) -> None:
    deployed = git(repository, "rev-parse", "HEAD")
    make_location(cast, deployed={"git_commit": deployed})
    merge_base = commit(repository, "Not deployed")
    git(repository, "checkout", "-q", "-b", "feature")
    head = commit(repository, "Work")

    first = answer(run, "ci", "init", *PULL)
    again = answer(run, "ci", "init", *PULL)

    (row,) = branch_rows(cast)
    assert (first["branch_deployment"], first["deployment"]) == (True, row.deployment.name)
    assert again == first
    assert (row.repository, row.pull_request, row.branch, row.head_sha) == ("acme/shop", 5, "feature", head)
    assert (row.merge_base_sha, "nearest commit before it" in row.base_note) == (merge_base, True)
    assert (row.pull_request_status, row.git["message"], row.git["author_email"]) == ("OPEN", "Work", "ada@example.com")


def test_branch_without_a_pull_request_has_one_by_its_name(cast: Cast, run: Run, repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "feature")

    begun = answer(run, "ci", "init")

    (row,) = branch_rows(cast)
    assert (begun["deployment"], row.branch, row.pull_request) == (row.deployment.name, "feature", None)
    assert answer(run, "ci", "init", "--to", "full")["deployment"] == "prod"


def test_nobody_takes_it_and_the_step_fails_with_the_reason(cast: Cast, run: Run) -> None:
    run("ci", "init", "--location-name", "ml")
    built = answer(run, "ci", "build")

    with pytest.raises(CommandError, match=r"Not loaded after 0 s: ml\. No agent serves ml in prod: there is none yet"):
        run("ci", "deploy", "--location-load-timeout", "0")

    (version,) = versions(cast)
    assert (version.location.name, version.source_sha256) == ("ml", built["locations"][0]["sha256"])
    assert [(one["name"], one["status"]) for one in answer(run, "ci", "status")["locations"]] == [("ml", "failed")]


def test_pull_request_that_ended_closes_its_branch_deployment(cast: Cast, run: Run, repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "feature")
    never_opened = answer(run, "ci", "init", *PULL, "--pull-request-status", "CLOSED")
    assert answer(run, "ci", "notify") == {"comment": None}
    run("ci", "init", *PULL)

    ended = answer(run, "ci", "init", *PULL, "--pull-request-status", "MERGED")

    assert (never_opened["ended"], never_opened["deployment"]) == (True, "")
    assert (ended["ended"], ended["locations"]) == (True, [])
    assert answer(run, "ci", "build")["locations"] == []
    assert answer(run, "ci", "deploy")["locations"] == []
    assert branch_rows(cast)[0].pull_request_status == "MERGED"


def test_images_are_built_pushed_and_deployed(
    cast: Cast, run: Run, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = FILES["dagster_cloud.yaml"].replace(
        "{directory: sales}", "{directory: sales, registry: registry.example/sales}"
    )
    sha = commit(repository, "Images", {"dagster_cloud.yaml": text, "sales/Dockerfile": "FROM scratch\n"})
    programs = tmp_path / "bin"
    programs.mkdir()
    # The program that is called; what it does is docker's.
    (programs / "docker").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\n')
    (programs / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")

    run("ci", "init")
    built = {one["name"]: one for one in answer(run, "ci", "build", "--docker-arg=--platform=linux/amd64")["locations"]}
    with pytest.raises(CommandError, match="Not loaded"):
        run("ci", "deploy", "--location-load-timeout", "0")

    image = f"registry.example/sales:{sha[:12]}-sales"
    folder = repository / "sales"
    assert (tmp_path / "called").read_text().splitlines() == [
        f"build {folder} -f {folder}/Dockerfile -t {image} --platform=linux/amd64",
        f"push {image}",
    ]
    assert (built["sales"]["image"], built["ml"]["image"]) == (image, "")
    found = {version.location.name: version for version in versions(cast)}
    assert (found["sales"].image, found["sales"].source_sha256, found["ml"].image) == (image, "", "")


def test_image_that_another_step_built(cast: Cast, run: Run) -> None:
    run("ci", "init", "--location-name", "ml")

    noted = answer(run, "ci", "set-build-output", "--location-name", "ml", "--image", "example/ml:1")

    assert noted["locations"][0]["image"] == "example/ml:1"
    with pytest.raises(CommandError, match="no code location other; there are ml"):
        run("ci", "set-build-output", "--location-name", "other", "--image", "x")


def test_state_folder_is_the_one_of_the_environment(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_BUILD_STATEDIR", str(tmp_path / "stock"))
    run("ci", "init")
    monkeypatch.setenv("DAGGERBOARD_BUILD_STATEDIR", str(tmp_path / "own"))

    with pytest.raises(CommandError, match=r"no session in .*/own. Run `daggerboard ci init` first"):
        run("ci", "build")
    assert sorted(path.name for path in (tmp_path / "stock").iterdir()) == [
        "location-ml.json",
        "location-sales.json",
        "session.json",
    ]
    texts = "".join(path.read_text() for path in (tmp_path / "stock").iterdir())
    assert "token" not in texts


def test_branches_are_found_by_name_number_and_branch(cast: Cast, run: Run, repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "feature")
    name = answer(run, "branch", "open", "--pr", "5")["name"]
    other = answer(run, "branch", "open", "--pr", "5", "--repository", "acme/other", "--branch", "feature")["name"]

    assert [branch["name"] for branch in answer(run, "branch", "list", "--state", "active")] == sorted([name, other])
    assert [branch["name"] for branch in answer(run, "branch", "list", "--repository", "acme/other")] == [other]
    # Of two with the same number, the one of the repository that is checked out here.
    assert answer(run, "branch", "sleep", "--pr", "5")["name"] == name
    assert answer(run, "branch", "wake", "--branch", "feature", "--repository", "acme/other")["name"] == other
    assert answer(run, "branch", "extend", other)["name"] == other
    assert answer(run, "branch", "close", other, "--reason", "done")["close_reason"] == "done"

    with pytest.raises(CommandError, match="no branch deployment of pull request 6") as missing:
        run("branch", "extend", "--pr", "6")
    assert missing.value.exit_code == ExitCode.NOT_FOUND
    with pytest.raises(CommandError, match="by its NAME, --pr or --branch"):
        run("branch", "extend", name, "--pr", "5")
    with pytest.raises(CommandError, match="Nothing of it waits"):
        run("branch", "approve", name)


def test_another_branch_is_opened_at_its_own_commit(cast: Cast, run: Run, repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "feature/alone")
    head = commit(repository, "Work")
    git(repository, "checkout", "-q", "main")
    commit(repository, "More")

    opened = answer(run, "branch", "open", "--branch", "feature/alone")

    assert (opened["name"], opened["head_sha"]) == ("branch-feature-alone", head)
    assert opened["git"]["message"] == "Work"
    with pytest.raises(CommandError, match="git knows no branch feature/typo here"):
        run("branch", "open", "--branch", "feature/typo")


def test_branch_of_a_pull_request_is_opened_once(cast: Cast, run: Run, repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "feature")
    first = answer(run, "branch", "open", "--pr", "5")

    again = answer(run, "branch", "open")

    assert (again["name"], again["pull_request"], again["pull_request_status"]) == (first["name"], 5, "OPEN")
    assert len(branch_rows(cast)) == 1
    answer(run, "branch", "open", "--pr", "6")
    with pytest.raises(CommandError, match=r"Give a name instead of --branch, such as pr-5\."):
        run("branch", "close", "--branch", "feature")
    run("branch", "close", "pr-5")


def test_branch_of_a_fork_is_not_taken_for_ours(cast: Cast, run: Run, repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "feature")
    fork = answer(run, "branch", "open", "--pr", "5")["name"]
    with org_scope(cast.org_id):
        BranchDeployment.objects.for_org(cast.org_id).update(is_fork=True)
    assert answer(run, "branch", "open")["name"] != fork


def test_run_is_launched_in_the_branch_of_a_pull_request(cast: Cast, run: Run, repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "feature")
    run("branch", "open", "--pr", "5")

    with pytest.raises(CommandError, match="shop"):
        run("run", "shop", "--job", "x", "--pr", "5")
    with pytest.raises(CommandError, match="either --deployment or --pr"):
        run("job", "launch", "--location", "shop", "--job", "x", "--pr", "5", "-d", "prod")
    with pytest.raises(CommandError, match="--tags is a JSON object"):
        run("job", "launch", "--location", "shop", "--job", "x", "--tags", "[]")
