"""`daggerboard ci notify`: one comment, edited in place, in which user code cannot say anything but text."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controlplane.cli.checkout import Checkout
from controlplane.cli.ci_state import LocationState, Session, StateDir
from controlplane.cli.errors import CommandError
from controlplane.cli.main import app
from controlplane.delivery.project.document import LocationDocument
from tests.delivery.hosts.fake_github import FakeGitHub
from tests.delivery.hosts.fake_gitlab import FakeGitLab
from tests.delivery.hosts.host import FakeHost, running
from tests.delivery.hosts.repositories import FakePullRequest

LOADED = {"id": "1", "number": 3, "state": "loaded", "phases": {"queued": 0.2, "loaded": 1.9}, "counts": {"assets": 4, "jobs": 1}}  # fmt: skip


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    return StateDir(tmp_path / "state")


def begin(state: StateDir, pull: FakePullRequest | None, *locations: LocationState, **more: object) -> None:
    checkout = Checkout(
        repository="acme/shop", sha="a" * 40, branch="feature", pull_request=pull.number if pull else None
    )
    session = Session(
        url="https://dagger.example.com",
        organization="acme",
        deployment="pr-7",
        is_branch_deployment=True,
        root="",
        file="",
        deployment_url="https://dagger.example.com/acme/d/pr-7",
        status_url="https://ci.example.com/1",
        checkout=checkout,
        **more,  # type: ignore[arg-type]  # fields of a session
    )
    state.begin(session, list(locations))


def location(name: str) -> LocationState:
    return LocationState(name, LocationDocument(name=name)).noted("pending", "initialized")


def notify(state: StateDir) -> str:
    result = CliRunner().invoke(app, ["ci", "notify", "--statedir", str(state.path)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


@pytest.fixture(params=[FakeGitHub, FakeGitLab])
def host(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHost]:
    for name in ("GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)
    with running(request.param) as host:
        yield host


@pytest.fixture
def pull(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> FakePullRequest:
    repository = host.add_repository()
    repository.push("feature", {"x": "1"})
    pull = repository.open_pull_request("feature")
    env: Callable[[str, str], None] = monkeypatch.setenv
    if isinstance(host, FakeGitHub):
        token = host.new_token().body
        assert isinstance(token, dict)
        for name, value in (
            ("ACTIONS", "true"),
            ("API_URL", host.api_url),
            ("TOKEN", token["token"]),
            ("REPOSITORY_ID", str(repository.id)),
        ):
            env(f"GITHUB_{name}", value)
    else:
        env("GITLAB_CI", "true")
        env("CI_API_V4_URL", host.api_url)
        env("CI_PROJECT_ID", str(repository.id))
        env("GITLAB_TOKEN", host.credential["token"])
    return pull


def test_comment_is_made_once_and_edited_in_place(state: StateDir, pull: FakePullRequest) -> None:
    begin(state, pull, location("sales"))
    notify(state)
    state.save(location("sales").noted("success", "version 3 is loaded", version=LOADED))
    notify(state)

    (comment,) = pull.comments
    assert len(comment.bodies) == 2
    assert "| sales | ⏳ pending | initialized |" in comment.bodies[0]
    assert comment.body == (
        "<!-- daggerboard ci pr-7 -->\n"
        "### Daggerboard: [**pr-7**](https://dagger.example.com/acme/d/pr-7)\n"
        "\n"
        "| Code location | Status | |\n"
        "|---|---|---|\n"
        "| sales | ✅ success | 4 assets, 1 job in 2 s |\n"
        "\n"
        "`aaaaaaaaaaaa` · [CI](https://ci.example.com/1)\n"
    )


def test_what_user_code_says_is_text(state: StateDir, pull: FakePullRequest) -> None:
    hostile = "ValueError: @everyone ```\n<!-- daggerboard ci other -->\n| [x](http://evil) |"
    begin(state, pull, location("a|b@c").noted("failed", hostile))
    notify(state)

    body = pull.comments[0].body
    assert "| a\\|b@\N{ZERO WIDTH SPACE}c | ❌ failed | see below |" in body
    assert f"````\n{hostile}\n````" in body


def test_pull_request_that_ended_is_said(state: StateDir, pull: FakePullRequest) -> None:
    begin(state, pull, ended=True)
    notify(state)

    assert "The pull request has ended." in pull.comments[0].body


def test_nobody_to_tell_is_no_failure(state: StateDir) -> None:
    begin(state, None, location("sales"))

    assert "no pull request" in notify(state)


def test_refusal_of_the_host_is_told(state: StateDir, pull: FakePullRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(state, pull, location("sales"))
    monkeypatch.setenv("GITHUB_TOKEN", "ghs_wrong")
    monkeypatch.setenv("GITLAB_TOKEN", "glpat-wrong")

    with pytest.raises(CommandError, match="answered 401"):
        notify(state)
