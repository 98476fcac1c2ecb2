"""Which executor runs the steps, and that limits, retries and processes are the user's."""

import re
from itertools import pairwise

import pytest

from tests.worker.fake_agent import Run, Worker

# Three processes that import dagster from scratch, on a machine that is busy with other tests.
SPAWN_PATIENCE = 350.0


def pids(run: Run) -> set[str]:
    (message,) = [event["message"] for event in run.of_type("LOG") if event["message"].startswith("pids")]
    return set(message.split()[1:])


def executor(run: Run) -> str:
    return str(run.events[0]["data"]["executor"])


def test_executor_default_with_several_steps_forks_a_process_each(shop: Worker) -> None:
    run = shop.run("pid_job")

    assert run.status == "SUCCESS"
    assert executor(run) == "fork"
    assert len(pids(run)) == 3
    assert {connection["role"] for connection in shop.data.connections if connection["id"] == run.id} == {"run", "step"}


def test_executor_in_process_is_kept(shop: Worker) -> None:
    run = shop.run("customer_job")

    workers = {connection["pid"] for connection in shop.data.connections if connection["id"] == run.id}
    assert executor(run) == "in_process"
    assert len(workers) == 1


def test_executor_in_process_by_run_config_is_kept(shop: Worker) -> None:
    run = shop.run("pid_job", run_config={"execution": {"config": {"in_process": {}}}})

    assert executor(run) == "in_process"
    assert len(pids(run)) == 1


@pytest.mark.timeout(400)
def test_executor_explicit_spawn_stays_the_users_own(shop: Worker) -> None:
    run = shop.start_run("spawn_job").finish(patience=SPAWN_PATIENCE)

    assert run.status == "SUCCESS", run.events[-1]
    assert executor(run) == "spawn"
    assert len(pids(run)) == 3
    assert all("usage" in event for event in run.of_type("STEP_SUCCESS"))


@pytest.mark.timeout(400)
def test_executor_forkserver_by_run_config_works(shop: Worker) -> None:
    config = {"execution": {"config": {"multiprocess": {"start_method": {"forkserver": {}}}}}}

    run = shop.start_run("pid_job", run_config=config).finish(patience=SPAWN_PATIENCE)

    assert run.status == "SUCCESS", run.events[-1]
    assert executor(run) == "forkserver"
    assert len(pids(run)) == 3


def test_executor_tag_concurrency_limits_hold_in_forked_steps(shop: Worker) -> None:
    run = shop.run("limited_job")

    spans = sorted(
        (float(start), float(end))
        for event in run.of_type("LOG")
        for start, end in re.findall(r"^span (\S+) (\S+)$", event["message"])
    )
    assert executor(run) == "fork"
    assert len(spans) == 3
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans))


def test_executor_retries_can_be_disabled_in_config(shop: Worker) -> None:
    config = {"execution": {"config": {"multiprocess": {"retries": {"disabled": {}}}}}}

    run = shop.run(asset_selection=["flaky", "trivial"], run_config=config)

    assert run.status == "FAILURE"
    assert run.of_type("STEP_UP_FOR_RETRY") == []


def test_executor_retry_in_forked_steps_succeeds(shop: Worker) -> None:
    run = shop.run(asset_selection=["flaky", "trivial"])

    assert executor(run) == "fork"
    assert run.status == "SUCCESS"
    assert len(run.of_type("STEP_UP_FOR_RETRY")) == 1


def test_executor_dynamic_outputs_fan_out_over_forked_steps(shop: Worker) -> None:
    run = shop.run("fan_job", run_config={"ops": {"fan": {"config": {"n": 3}}}})

    assert run.status == "SUCCESS"
    assert len(run.of_type("STEP_SUCCESS")) == 5


def test_executor_killed_step_fails_the_run_and_spares_the_others(shop: Worker) -> None:
    run = shop.run(asset_selection=["killed", "trivial"])

    assert run.status == "FAILURE"
    assert [event["step"] for event in run.of_type("STEP_SUCCESS")] == ["trivial"]
    assert any("terminated by signal 9" in event["message"] for event in run.of_type("ENGINE_EVENT"))


def test_executor_events_of_forked_steps_come_in_causal_order(shop: Worker) -> None:
    run = shop.run("five_steps")

    order = ["STEP_WORKER_STARTING", "STEP_WORKER_STARTED", "STEP_START", "STEP_SUCCESS"]
    for step in ("start_op", "step_0", "step_3"):
        types = [event["type"] for event in run.events if event["step"] == step]
        assert [name for name in types if name in order] == order
    assert run.types[-1] == "PIPELINE_SUCCESS"
