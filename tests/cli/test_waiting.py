"""`daggerboard run --wait`, `job launch --wait` and `logs` of a run that nobody takes, and of one that failed: against a real server."""

from collections.abc import Iterator

import pytest
from click.testing import Result
from typer.testing import CliRunner

from controlplane.cli.errors import CommandError
from controlplane.cli.main import app
from tests.cast import Cast
from tests.factories import deploy, make_agent, make_location
from tests.runs.scripts import Stage
from tests.ui.server import serving


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(autouse=True)
def signed_in(address: str, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"URL": address, "TOKEN": cast.user_token.text, "ORGANIZATION": cast.org.slug, "DEPLOYMENT": "prod"}
    for name, value in given.items():
        monkeypatch.setenv(f"DAGGERBOARD_{name}", value)


@pytest.mark.parametrize(
    "words", [("run", "shop", "--job", "nightly"), ("job", "launch", "-l", "shop", "-j", "nightly", "--wait")]
)
def test_run_that_nobody_takes_says_where_it_is_and_why_it_waits(
    cast: Cast, address: str, words: tuple[str, ...]
) -> None:
    make_location(cast)

    result = _invoke(*words, "--timeout", "0.3", "--json")

    [named, queued, *more] = result.stderr.splitlines()
    run_id = named.split()[1].rstrip(":")
    assert named == f"Run {run_id}: {address}/{cast.org.slug}/prod/runs/{run_id}"
    assert queued.startswith("The run is queued: ")
    assert "agent" in queued
    assert not more, "it is said once"
    assert isinstance(result.exception, CommandError)
    assert "is QUEUED after 0.3 s and goes on by itself" in str(result.exception)

    logs = _invoke("logs", run_id)
    assert queued in logs.stderr.splitlines()
    assert not logs.exception


def test_log_of_a_failed_step_shows_what_was_raised(cast: Cast) -> None:
    agent = make_agent(cast)
    make_location(cast, agents=[agent])
    stage = Stage(cast, agent)
    attempt = stage.claimed()
    attempt.start("raw")
    attempt.say("STEP_START", step="raw")
    cause = {"cls": "ValueError", "message": "ValueError: no such day\n", "stack": ["  File shop.py, line 3\n"]}
    wrapper = {"cls": "DagsterExecutionStepExecutionError", "message": "Error while executing", "cause": cause}
    attempt.say("STEP_FAILURE", step="raw", message="Execution failed.", error=wrapper)

    shown = _invoke("logs", str(attempt.run_id)).stdout

    assert "      File shop.py, line 3\n    ValueError: no such day\n" in shown


def test_status_tells_which_version_serves_while_another_is_the_newest(cast: Cast) -> None:
    make_location(cast)
    deploy(cast, "shop", image="shop:2")
    assert "pending (version 1 serves)" in _invoke("status").stdout


def _invoke(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))
