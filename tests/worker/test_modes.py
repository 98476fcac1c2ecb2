"""Warm, lukewarm and cold: who may be forked, and that every mode runs the same code."""

import json
import subprocess
import uuid
from contextlib import suppress
from pathlib import Path

import pytest

from tests.worker.conftest import StartWorker
from tests.worker.fake_agent import WORKER, FakeAgent, Json, project

REFUSED = [("holds_lock", "1 Python thread(s): lock-holder"), ("opens_socket", "network connection(s) or socket(s)")]


@pytest.mark.parametrize(("module", "reason"), REFUSED)
def test_gate_unsafe_code_becomes_lukewarm_and_still_runs(start_worker: StartWorker, module: str, reason: str) -> None:
    worker = start_worker("gated", module_name=module)

    run = worker.run(asset_selection=["wants_lock" if module == "holds_lock" else "uses_connection"])

    assert worker.ready["mode"] == "lukewarm"
    assert reason in worker.ready["mode_reason"]
    assert worker.ready["counts"]["assets"] == 1
    assert worker.ready["threads"] == 1
    assert run.status == "SUCCESS"
    assert run.events[0]["data"]["mode"] == "lukewarm"


def test_gate_numpy_stays_warm_and_children_draw_different_numbers(start_worker: StartWorker) -> None:
    worker = start_worker("gated", module_name="uses_numpy")

    runs = [worker.run(asset_selection=["multiplied"]) for _ in range(2)]

    said = [event["message"] for run in runs for event in run.of_type("LOG") if event["message"].startswith("sum")]
    assert (worker.ready["mode"], worker.ready["mode_reason"]) == ("warm", None)
    assert len(set(said)) == 2


def test_gate_asked_for_lukewarm_never_imports_in_the_parent(start_worker: StartWorker) -> None:
    worker = start_worker("gated", "--mode", "lukewarm", module_name="holds_lock")

    assert worker.ready["mode"] == "lukewarm"
    assert worker.ready["threads"] == 1
    assert worker.run(asset_selection=["wants_lock"]).status == "SUCCESS"


def links(pid: int) -> set[str]:
    """What the descriptors of a process point to, sockets and pipes only: files are anybody's."""
    found = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        # Closed since it was listed.
        with suppress(FileNotFoundError):
            found.add(str(entry.readlink()))
    return {link for link in found if link.startswith(("socket:", "pipe:"))}


def test_children_inherit_neither_control_channel_nor_wakeup_pipe(start_worker: StartWorker, tmp_path: Path) -> None:
    worker = start_worker("shop", module_name="shop.definitions")
    config = {"ops": {"silent_sleeper": {"config": {"until_file": str(tmp_path / "never")}}}}
    run = worker.start_run(asset_selection=["silent_sleeper"], run_config=config)
    run.wait_for("STEP_START")

    shared = links(worker.process.pid) & links(worker.wait_message("forked", run.id)["pid"])

    assert shared == set()


def test_subprocesses_of_user_code_do_not_see_the_worker(start_worker: StartWorker) -> None:
    worker = start_worker("gated", module_name="harmless", env={"PYTHONPATH": f"{WORKER}:/somewhere/else"})

    run = worker.run(asset_selection=["environment"])

    (message,) = [event["message"] for event in run.of_type("LOG") if event["message"].startswith("path")]
    assert message == "path /somewhere/else"


def test_stop_lets_running_children_end_and_reports_them(start_worker: StartWorker) -> None:
    worker = start_worker("shop", module_name="shop.definitions")
    run = worker.start_run(asset_selection=["silent_sleeper"])
    run.wait_for("STEP_START")

    worker.send({"t": "stop"})

    assert worker.wait_message("exited", run.id)["exit_code"] == 0
    assert worker.process.wait(100) == 0


def cold_run(agent: FakeAgent, location: Json, directory: Path, **spec: object) -> tuple[int, str]:
    run_id = str(uuid.uuid4())
    spec = {"run_id": run_id, "attempt": 2, "epoch": 1, "job": "__ASSET_JOB", "run_config": {}, "tags": {}, **spec}
    directory.mkdir()
    (directory / "spec.json").write_text(json.dumps(spec))
    arguments = ["--socket", str(agent.data.path), "--location", json.dumps(location), "--attempt-dir", str(directory)]
    done = subprocess.run(
        agent.command("run", *arguments, "--storage", str(agent.root / "storage")),
        env=agent.environment({"SHOP_DSN": "x"}),
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, f"{run_id}/2"


def test_cold_run_succeeds(agent: FakeAgent, tmp_path: Path) -> None:
    location = project("shop", module_name="shop.definitions")

    code, subject = cold_run(agent, location, tmp_path / "attempt", asset_selection=[["raw_customers"]])

    assert code == 0
    assert agent.data.exits[subject] == {"status": "SUCCESS", "unsupported": []}
    assert agent.data.events[subject][0]["data"]["mode"] == "cold"


def test_cold_run_of_code_that_does_not_load_reports_the_users_error(agent: FakeAgent, tmp_path: Path) -> None:
    code, subject = cold_run(agent, project("crashing", module_name="raises"), tmp_path / "attempt")

    (event,) = agent.data.events[subject]
    assert code == 0
    assert event["type"] == "PIPELINE_FAILURE"
    assert event["error"]["cls"] == "KeyError"
