"""A call ends with whoever asked for it, and with its worker: nobody would hear its answer. Runs go on."""

import os
import uuid
from collections.abc import Callable

import psutil
import pytest

from tests.waiting import eventually
from tests.worker.conftest import StartWorker
from tests.worker.fake_agent import Json, Worker


def hanging_call(worker: Worker) -> psutil.Process:
    """The process of a sensor that hangs, which has started another that does."""
    worker.data.answers["dynamic_partitions"] = []
    call_id = f"call-{uuid.uuid4()}"
    args: Json = {"name": "hanging", "cursor": None}
    worker.send({"t": "call", "id": call_id, "op": "sensor_tick", "args": args, "env": {}})
    process = psutil.Process(worker.wait_message("forked", call_id)["pid"])
    eventually(process.children, bool)
    return process


def is_gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def hang_up(worker: Worker) -> None:
    worker.send({"t": "stay", "address": str(worker.root / "w.sock"), "seconds": 60})
    worker.control.shutdown(2)


def kill(worker: Worker) -> None:
    os.kill(worker.process.pid, 9)


@pytest.mark.parametrize("end", [hang_up, kill])
def test_calls_end_when_the_agent_hangs_up_or_the_worker_dies(
    start_worker: StartWorker, end: Callable[[Worker], None]
) -> None:
    worker = start_worker("ticking", module_name="ticking")
    call = hanging_call(worker)
    [started] = call.children()

    try:
        end(worker)
        eventually(lambda: is_gone(call), bool)
        # It waits for the next agent, and has killed the whole group.
        assert end is kill or (eventually(lambda: is_gone(started), bool) and worker.process.poll() is None)
    finally:
        if not is_gone(started):
            started.kill()
