"""The run that a worker executes before it forks: it succeeds with this dagster, and nobody can tell that it took place."""

import subprocess
from pathlib import Path

from tests.worker.fake_agent import FakeAgent, project

REHEARSE = """
import os, threading
from pathlib import Path
from daggerboard_worker.own_run import own
from daggerboard_worker.rehearsal import rehearse

before = dict(os.environ)
rehearse()
assert dict(os.environ) == before
assert [thread.name for thread in threading.enumerate()] == ["MainThread"]
assert own.run is None
assert not list(Path(os.environ["TMPDIR"]).iterdir())
"""


def test_a_rehearsal_succeeds_and_leaves_nothing_behind(agent: FakeAgent, tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    done = subprocess.run(
        [agent.interpreter, "-W", "ignore", "-c", REHEARSE],
        env=agent.environment({"TMPDIR": str(folder)}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_first_run_of_a_worker_is_the_first_that_is_heard_of(agent: FakeAgent) -> None:
    worker = agent.start(project("shop", module_name="shop.definitions"))
    run = worker.run(asset_selection=["trivial"])
    assert run.status == "SUCCESS"
    assert {connection["id"] for connection in agent.data.connections} == {run.id}
    assert "rehears" not in worker.output()
