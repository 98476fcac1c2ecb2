"""What CI and git say of a commit."""

import json

import pytest

from controlplane.cli.checkout import Checkout, clean_url, find_checkout, repository_of
from tests.cli.repositories import commit, git, make_repository


@pytest.fixture
def repository(tmp_path):
    return make_repository(tmp_path / "repository")


def branch_off(repository):
    """A branch `feature` with one commit, after two more on main; the commits of main, the newest first."""
    first = git(repository, "rev-parse", "HEAD")
    second = commit(repository, "Second")
    git(repository, "checkout", "-q", "-b", "feature")
    commit(repository, "Work\n\nMore of it")
    git(repository, "checkout", "-q", "main")
    commit(repository, "Third")
    git(repository, "checkout", "-q", "feature")
    return [second, first]


def test_plain_git_on_the_default_branch(repository):
    found = find_checkout(repository, {})

    assert (found.repository, found.url) == ("acme/shop", "https://git.example.com/acme/shop.git")
    assert (found.branch, found.default_branch, found.is_of_branch) == ("main", "main", False)
    assert found.sha == git(repository, "rev-parse", "HEAD")
    assert {key: found.git[key] for key in ("message", "author_name", "author_email")} == {
        "message": "First",
        "author_name": "Ada",
        "author_email": "ada@example.com",
    }
    assert (found.merge_base_sha, found.earlier_shas) == ("", ())


def test_plain_git_on_another_branch(repository):
    second, first = branch_off(repository)

    found = find_checkout(repository, {})

    assert (found.branch, found.is_of_branch) == ("feature", True)
    assert (found.merge_base_sha, found.earlier_shas) == (second, (first,))
    assert found.git["message"] == "Work\n\nMore of it"


def test_two_hundred_commits_before_the_merge_base_are_told(repository):
    tip = git(repository, "rev-parse", "HEAD")
    tree = git(repository, "rev-parse", "HEAD^{tree}")
    for _ in range(220):
        tip = git(repository, "commit-tree", tree, "-p", tip, "-m", "x")
    git(repository, "update-ref", "refs/heads/main", tip)
    git(repository, "checkout", "-q", "-b", "feature")

    found = find_checkout(repository, {})

    assert (found.merge_base_sha, len(found.earlier_shas)) == (tip, 200)


def test_pull_request_in_github_actions(repository, tmp_path):
    branch_off(repository)
    head = git(repository, "rev-parse", "HEAD")
    event = tmp_path / "event.json"
    pull = {
        "number": 7,
        "state": "closed",
        "merged": True,
        "title": "Work",
        "html_url": "https://github.com/acme/shop/pull/7",
        "head": {"sha": head, "ref": "feature"},
        "base": {"ref": "main"},
    }
    event.write_text(json.dumps({"pull_request": pull, "repository": {"default_branch": "main"}}))
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REF_NAME": "7/merge",
        "GITHUB_REF_TYPE": "branch",
        "GITHUB_SHA": "0" * 40,
        "GITHUB_RUN_ID": "99",
    }

    found = find_checkout(repository, env)

    assert (found.pull_request, found.pull_request_status, found.branch, found.sha) == (7, "MERGED", "feature", head)
    assert (found.has_ended, found.is_of_branch, found.base_branch) == (True, True, "main")
    assert found.status_url == "https://github.com/acme/shop/actions/runs/99"
    assert found.branch_json(base="prod")["git"]["branch"] == "feature"


def test_push_in_github_actions(repository, tmp_path):
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"repository": {"default_branch": "main"}}))
    sha = git(repository, "rev-parse", "HEAD")
    git(repository, "checkout", "-q", "--detach")
    env = {
        "GITHUB_ACTIONS": "1",
        "GITHUB_REPOSITORY": "acme/shop",
        "GITHUB_REF_NAME": "main",
        "GITHUB_REF_TYPE": "branch",
    }

    found = find_checkout(repository, {**env, "GITHUB_EVENT_PATH": str(event), "GITHUB_SHA": sha})

    assert (found.branch, found.sha, found.pull_request, found.is_of_branch) == ("main", sha, None, False)


def test_merge_request_in_gitlab(repository):
    second, first = branch_off(repository)
    head = git(repository, "rev-parse", "HEAD")
    env = {
        "GITLAB_CI": "true",
        "CI_PROJECT_PATH": "acme/shop",
        "CI_PROJECT_URL": "https://gitlab.com/acme/shop",
        "CI_DEFAULT_BRANCH": "main",
        "CI_COMMIT_SHA": "0" * 40,
        "CI_MERGE_REQUEST_IID": "5",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "feature",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": head,
        "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": second,
        "CI_MERGE_REQUEST_TITLE": "Work",
        "CI_PIPELINE_URL": "https://gitlab.com/acme/shop/-/pipelines/1",
    }

    found = find_checkout(repository, env)

    assert (found.pull_request, found.branch, found.sha, found.pull_request_status) == (5, "feature", head, "OPEN")
    assert found.pull_request_url == "https://gitlab.com/acme/shop/-/merge_requests/5"
    assert (found.merge_base_sha, found.earlier_shas) == (second, (first,))


def test_folder_without_git_says_nothing(tmp_path):
    assert find_checkout(tmp_path, {"GIT_DIR": "none"}) == Checkout()


@pytest.mark.parametrize(
    ("url", "clean", "repository"),
    [
        ("https://user:pass@github.com/a/b.git", "https://github.com/a/b.git", "a/b"),
        ("https://x-access-token:t@git.example.com:8443/a/b/c.git?x=1", "https://git.example.com:8443/a/b/c.git", "a/b/c"),
        ("git@github.com:a/b.git", "git@github.com:a/b.git", "a/b"),
        ("ssh://git@github.com/a/b", "ssh://github.com/a/b", "a/b"),
        ("/srv/git/a.git", "/srv/git/a.git", ""),
    ],
)  # fmt: skip
def test_remote_addresses(url, clean, repository):
    assert (clean_url(url), repository_of(url)) == (clean, repository)
