"""`daggerboard schedule` and `daggerboard sensor`, against a control plane."""

import json
from pathlib import Path

import pytest

from controlplane.cli.errors import CommandError, ExitCode
from controlplane.dispatch.models import Command, CommandState
from tenants.scoping import org_scope
from tests.automation.ticking import Stage, make_stage, schedule, sensor
from tests.cast import Cast
from tests.cli.beside import beside
from tests.cli.conftest import Run


@pytest.fixture
def stage(cast: Cast) -> Stage:
    return make_stage(cast, schedule(), sensor(), sensor("quiet", default_status="STOPPED"))


def test_list_turn_on_and_off_and_tick(stage: Stage, run: Run) -> None:
    listed = json.loads(run("sensor", "list", "--running", "--json").stdout)
    assert [one["name"] for one in listed] == ["files"]
    assert "0 * * * *" in run("schedule", "list").stdout

    run("sensor", "stop", "files")
    assert not stage.row("files").is_running
    run("sensor", "start", "quiet", "--ticks", "3")
    assert (stage.row("quiet").is_running, stage.row("quiet").ticks_left) == (True, 3)
    run("sensor", "reset", "quiet", "--location", "shop")
    assert (stage.row("quiet").is_running, stage.row("quiet").choice) == (False, "")
    asked = run("sensor", "start", "--all").exception
    assert "confirm it with --yes" in str(asked)
    assert run("sensor", "start", "--all", "--yes").stdout == "2 sensors are on now.\n"
    assert stage.row("quiet").is_running

    tick = json.loads(run("schedule", "tick", "hourly", "--json").stdout)
    assert [str(known.id) for known in stage.ticks("hourly")] == [tick["id"]]


def test_ticks_and_cursor(stage: Stage, run: Run) -> None:
    stage.tick("files", {"requests": [{"run_key": "a", "job": "nightly"}], "cursor": "a"})
    skipped = stage.tick("files", {"skip": "No new file.", "log": [[1.0, 20, "looked"]], "cursor": "a"})
    [newest, oldest] = run("sensor", "tick-history", "files").stdout.splitlines()[::2]
    assert f"{skipped.id}  SKIPPED" in newest
    assert "SUCCESS" in oldest
    assert "No new file." in run("sensor", "tick-history", "files", "--status", "skipped").stdout
    assert run("sensor", "tick-history", "files", "--until", "1d").stdout == "It has no tick like that.\n"
    assert "looked" in run("sensor", "tick-log", str(skipped.id)).stdout
    assert "tick of the sensor files" in str(run("schedule", "tick-log", str(skipped.id)).exception)

    assert run("sensor", "cursor", "get", "files").stdout == "a\n"
    run("sensor", "cursor", "set", "files", "-", input="b\n")
    assert stage.row("files").cursor == "b"
    run("sensor", "cursor", "set", "files", "--clear")
    assert run("sensor", "cursor", "get", "files").stdout == ""


def test_what_a_test_showed_is_applied_once(stage: Stage, run: Run, tmp_path: Path) -> None:
    kept = tmp_path / "test.json"
    with beside(lambda: _answer(stage, {"requests": [{"run_key": "a", "job": "nightly"}], "cursor": "7"})):
        kept.write_text(run("sensor", "test", "files", "--cursor", "6", "--json").stdout)
        shown = run("sensor", "test", "files").stdout
    assert "run of  nightly  a" in shown
    assert (stage.ticks("files"), stage.runs()) == ([], [])

    applied = run("sensor", "apply", "files", str(kept))
    assert "SUCCESS" in applied.stdout, applied.exception
    assert stage.row("files").cursor == "7"
    assert "It has been evaluated since" in str(run("sensor", "apply", "files", str(kept)).exception)
    kept.write_text("{}")
    assert "is no outcome of a test" in str(run("sensor", "apply", "files", str(kept)).exception)

    with beside(lambda: _answer(stage, {"error": {"message": "No such folder", "cls": "OSError", "stack": []}})):
        failed = run("sensor", "test", "files", "--apply", "--yes")
    assert (failed.exit_code, "No such folder" in failed.stderr) == (1, True)


def _answer(stage: Stage, result: object) -> None:
    """Questions of tests, as they come."""
    with org_scope(stage.cast.org_id):
        open_ones = Command.objects.for_org(stage.cast.org_id).filter(state=CommandState.PENDING)
        asked = [one for one in open_ones if "purpose" not in one.body]
    for question in asked:
        stage.answer(question, result)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("file", "Did you mean files?"), ("nothing", "There are files, quiet.")],
)
def test_unknown_name_is_told_the_nearest(stage: Stage, run: Run, name: str, sentence: str) -> None:
    refused = run("sensor", "start", name).exception
    assert isinstance(refused, CommandError)
    assert str(refused) == f"There is no sensor {name} in this deployment. {sentence}"
    assert refused.exit_code == ExitCode.NOT_FOUND
