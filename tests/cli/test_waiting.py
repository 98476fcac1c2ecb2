"""`daggerboard run --wait`, `job launch --wait` and `logs` of a run that nobody takes, and of one that failed: against a real server."""

import pytest

from controlplane.cli.errors import CommandError
from tests.cast import Cast
from tests.cli.conftest import Run
from tests.factories import deploy, make_agent, make_location
from tests.runs.scripts import Stage


@pytest.mark.parametrize(
    "words", [("run", "shop", "--job", "nightly"), ("job", "launch", "-l", "shop", "-j", "nightly", "--wait")]
)
def test_run_that_nobody_takes_says_where_it_is_and_why_it_waits(
    cast: Cast, address: str, run: Run, words: tuple[str, ...]
) -> None:
    make_location(cast)

    result = run(*words, "--timeout", "0.3", "--json")

    [named, queued, *more] = result.stderr.splitlines()
    run_id = named.split()[1].rstrip(":")
    assert named == f"Run {run_id}: {address}/{cast.org.slug}/prod/runs/{run_id}"
    assert queued.startswith("The run is queued: ")
    assert "agent" in queued
    assert not more, "it is said once"
    assert isinstance(result.exception, CommandError)
    assert "is QUEUED after 0.3 s and goes on by itself" in str(result.exception)

    logs = run("logs", run_id)
    assert queued in logs.stderr.splitlines()
    assert not logs.exception


def test_log_of_a_failed_step_shows_what_was_raised(cast: Cast, run: Run) -> None:
    agent = make_agent(cast)
    make_location(cast, agents=[agent])
    stage = Stage(cast, agent)
    attempt = stage.claimed()
    attempt.start("raw")
    attempt.say("STEP_START", step="raw")
    cause = {"cls": "ValueError", "message": "ValueError: no such day\n", "stack": ["  File shop.py, line 3\n"]}
    wrapper = {"cls": "DagsterExecutionStepExecutionError", "message": "Error while executing", "cause": cause}
    attempt.say("STEP_FAILURE", step="raw", message="Execution failed.", error=wrapper)

    shown = run("logs", str(attempt.run_id)).stdout

    assert "      File shop.py, line 3\n    ValueError: no such day\n" in shown


def test_status_tells_which_version_serves_while_another_is_the_newest(cast: Cast, run: Run) -> None:
    make_location(cast)
    deploy(cast, "shop", image="shop:2")
    assert "pending (version 1 serves)" in run("status").stdout
