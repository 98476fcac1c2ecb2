"""Interrupts: cancelled when the agent says so, failed when it does not."""

import os
from pathlib import Path

import pytest

from tests.waiting import eventually
from tests.worker.fake_agent import Run, Worker

IN_PROCESS = {"execution": {"config": {"in_process": {}}}}


def running(shop: Worker, **spec: object) -> Run:
    run = shop.start_run(**spec)  # type: ignore[arg-type]
    run.wait_for("STEP_START")
    return run


@pytest.mark.parametrize("selection", [["slow"], ["slow", "trivial"]], ids=["in_process", "fork"])
def test_cancel_interrupt_while_canceling_ends_the_run_as_canceled(shop: Worker, selection: list[str]) -> None:
    run = running(shop, asset_selection=selection)
    shop.data.wait(lambda: [e for e in run.events if e["step"] == "slow" and e["type"] == "LOG"], "a tick")

    shop.cancel(run)

    run.finish()
    assert run.status == "CANCELED"
    assert run.types[-1] in ("PIPELINE_CANCELED", "ENGINE_EVENT")
    assert len(run.of_type("PIPELINE_CANCELED")) == 1


def test_cancel_interrupt_nobody_asked_for_fails_the_run(shop: Worker) -> None:
    run = running(shop, asset_selection=["slow"])

    shop.signal(run, "INT")

    run.finish()
    assert run.status == "FAILURE"
    assert run.of_type("PIPELINE_FAILURE")[0]["data"]["reason"] == "UNEXPECTED_TERMINATION"


def test_cancel_kill_of_the_group_reaches_every_step_process(shop: Worker) -> None:
    run = running(shop, asset_selection=["slow", "trivial"])
    workers = [connection["pid"] for connection in shop.data.connections if connection["id"] == run.id]

    shop.signal(run, "KILL", group=True)

    assert shop.wait_message("exited", run.id)["signal"] == 9
    assert len(workers) >= 2
    eventually(lambda: [pid for pid in workers if is_alive(pid)], lambda alive: not alive)


def test_cancel_signal_for_an_unknown_run_is_ignored(shop: Worker) -> None:
    shop.send({"t": "signal", "id": "nobody/1", "signal": "KILL", "group": True})

    assert shop.run(asset_selection=["trivial"]).status == "SUCCESS"


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_cancel_children_survive_the_worker_and_the_agent_hanging_up(shop: Worker) -> None:
    run = running(shop, asset_selection=["silent_sleeper"])
    pid = shop.wait_message("forked", run.id)["pid"]

    shop.control.shutdown(2)
    shop.process.wait(100)

    shop.data.wait(lambda: run.status, "the end of the orphaned run")
    assert run.status == "SUCCESS"
    assert pid != os.getpid()
