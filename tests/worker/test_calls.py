"""Calls: the user's own dagster validates config and plans runs."""

import json
import subprocess

from tests.worker.conftest import StartWorker
from tests.worker.fake_agent import FakeAgent, Worker, project


def test_call_valid_config(shop: Worker) -> None:
    config = {"ops": {"talkative": {"config": {"lines": 3}}}}

    result = shop.call("validate_run_config", job="__ASSET_JOB", asset_selection=["talkative"], run_config=config)

    assert result == {"valid": True, "errors": []}


def test_call_invalid_config_names_path_and_reason(shop: Worker) -> None:
    config = {"ops": {"talkative": {"config": {"lines": "three"}}}}

    result = shop.call("validate_run_config", job="__ASSET_JOB", asset_selection=["talkative"], run_config=config)

    (error,) = result["errors"]
    assert not result["valid"]
    assert error["path"] == ["ops", "talkative", "config", "lines"]
    assert error["reason"] == "RUNTIME_TYPE_MISMATCH"


def test_call_missing_config_is_invalid(shop: Worker) -> None:
    result = shop.call("validate_run_config", job="day_job", run_config={})

    assert [error["reason"] for error in result["errors"]] == ["MISSING_REQUIRED_FIELD"]


def test_call_execution_plan_lists_steps_with_dependencies(shop: Worker) -> None:
    result = shop.call("execution_plan", job="__ASSET_JOB", asset_selection=["raw_customers", "stg_customers"])

    steps = {step["step"]: step for step in result["steps"]}
    assert steps["stg_customers"]["deps"] == ["raw_customers"]
    assert steps["raw_customers"]["assets"] == [["raw_customers"]]


def test_call_unknown_job_answers_with_an_error(shop: Worker) -> None:
    result = shop.call("execution_plan", job="nothing")

    assert "nothing" in result["error"]["message"]


def test_call_unknown_op_answers_with_an_error(shop: Worker) -> None:
    assert "does not know the call 'dance'" in shop.call("dance")["error"]["message"]


def test_call_of_a_lukewarm_worker_loads_in_the_child(start_worker: StartWorker) -> None:
    worker = start_worker("gated", "--mode", "lukewarm", module_name="harmless")

    result = worker.call("execution_plan", job="__ASSET_JOB", asset_selection=["plain"])

    assert [step["step"] for step in result["steps"]] == ["plain"]


def test_call_in_a_cold_process(agent: FakeAgent) -> None:
    call = {"id": "call-1", "op": "execution_plan", "args": {"job": "__ASSET_JOB", "asset_selection": [["plain"]]}}
    location = project("gated", module_name="harmless")
    arguments = ["--socket", str(agent.data.path), "--location", json.dumps(location), "--call", json.dumps(call)]

    subprocess.run(agent.command("call", *arguments), env=agent.environment(), check=True, timeout=200)

    assert [step["step"] for step in agent.data.results["call-1"]["steps"]] == ["plain"]
