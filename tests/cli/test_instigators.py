"""`daggerboard schedule` and `daggerboard sensor`, against a control plane."""

import json
from collections.abc import Callable, Iterator

import pytest
from click.testing import Result
from typer.testing import CliRunner

from controlplane.cli.errors import CommandError
from controlplane.cli.main import app
from tests.automation.ticking import Stage, make_stage, schedule, sensor
from tests.cast import Cast
from tests.ui.server import serving

Run = Callable[..., Result]


@pytest.fixture
def stage(cast: Cast) -> Stage:
    return make_stage(cast, schedule(), sensor(), sensor("quiet", default_status="STOPPED"))


@pytest.fixture
def run(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    with serving() as url:
        given = {"URL": url, "TOKEN": stage.cast.user_token.text, "ORGANIZATION": stage.cast.org.slug}
        for name, value in {**given, "DEPLOYMENT": "prod"}.items():
            monkeypatch.setenv(f"DAGGERBOARD_{name}", value)
        yield lambda *words: CliRunner().invoke(app, list(words))


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

    tick = json.loads(run("schedule", "tick", "hourly", "--json").stdout)
    assert [str(known.id) for known in stage.ticks("hourly")] == [tick["id"]]
    refused = run("sensor", "start", "nothing").exception
    assert isinstance(refused, CommandError)
    assert "There is no sensor nothing" in str(refused)
