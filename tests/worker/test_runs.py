"""Runs of the sample location: events, selections, partitions, retries, reads."""

import json
from typing import Any

import pytest

from tests.worker.fake_agent import Json, Worker


def record_of(event: Json, number: int) -> Json:
    return {"id": number, "serdes": event["serdes"]}


def test_run_one_asset_streams_its_events_in_order(shop: Worker) -> None:
    run = shop.run(asset_selection=["trivial"])

    expected = ["PIPELINE_START", "ENGINE_EVENT", "LOGS_CAPTURED", "STEP_START", "STEP_OUTPUT"]
    expected += ["ASSET_MATERIALIZATION", "STEP_SUCCESS", "ENGINE_EVENT", "PIPELINE_SUCCESS"]
    assert [name for name in run.types if not name.startswith("RESOURCE_INIT")] == expected
    assert run.status == "SUCCESS"


def test_run_first_event_says_mode_executor_and_plan(shop: Worker) -> None:
    run = shop.run(asset_selection=["trivial"])

    plan = [{"step": "trivial", "assets": [["trivial"]], "checks": [], "deps": []}]
    assert run.events[0]["data"] == {"mode": "warm", "executor": "in_process", "plan": plan}


def test_run_materialization_carries_typed_metadata_and_dagsters_own_form(shop: Worker) -> None:
    run = shop.run(asset_selection=["raw_orders"], partition="2025-02-03", env={"SHOP_DSN": "postgres://x"})

    (event,) = run.of_type("ASSET_MATERIALIZATION")
    materialization = event["data"]["materialization"]
    assert materialization["asset"] == ["raw_orders"]
    assert materialization["partition"] == "2025-02-03"
    assert materialization["metadata"]["rows"] == {"type": "int", "value": 10}
    assert materialization["metadata"]["schema"]["value"]["columns"][1]["name"] == "amount"
    assert materialization["tags"]["dagster/data_version"] == "v-2025-02-03"
    assert json.loads(event["serdes"])["__class__"] == "EventLogEntry"


def test_run_check_reports_severity_and_target(shop: Worker) -> None:
    run = shop.run(asset_selection=["raw_customers"])

    (event,) = run.of_type("ASSET_CHECK_EVALUATION")
    check = event["data"]["check"]
    assert (check["name"], check["passed"], check["severity"]) == ("enough_customers", False, "WARN")
    assert check["asset"] == ["raw_customers"]


def test_run_check_selection_runs_only_the_check(shop: Worker) -> None:
    shop.run(asset_selection=["raw_customers"], check_selection=[])

    run = shop.run(asset_selection=[], check_selection=[[["raw_customers"], "enough_customers"]])

    assert run.of_type("ASSET_MATERIALIZATION") == []
    assert len(run.of_type("ASSET_CHECK_EVALUATION")) == 1


def test_run_multi_partition_key_reaches_the_op_by_dimension(shop: Worker) -> None:
    run = shop.run(asset_selection=["region_day_metrics"], partition="2025-02-03|eu")

    (event,) = run.of_type("ASSET_MATERIALIZATION")
    assert run.status == "SUCCESS"
    assert event["data"]["materialization"]["partition"] == "2025-02-03|eu"


def test_run_partitioned_config_is_filled_in(shop: Worker) -> None:
    run = shop.run("day_job", partition="2025-03-04")

    assert run.status == "SUCCESS", run.events[-1]
    assert "day is 2025-03-04" in [event["message"] for event in run.of_type("LOG")]


def test_run_config_of_the_request_reaches_the_op(shop: Worker) -> None:
    config = {"ops": {"talkative": {"config": {"lines": 3}}}}

    run = shop.run(asset_selection=["talkative"], run_config=config)

    lines = [event["message"] for event in run.of_type("LOG") if event["message"].startswith("line")]
    assert lines == ["line 0", "line 1", "line 2"]


def test_run_invalid_config_fails_with_dagsters_reason(shop: Worker) -> None:
    run = shop.run(asset_selection=["talkative"], run_config={"ops": {"talkative": {"config": {"lines": "three"}}}})

    errors = [event["error"] for event in run.events if event.get("error")]
    assert run.status == "FAILURE"
    assert run.types[-1] == "PIPELINE_FAILURE"
    assert errors[0]["cls"] == "DagsterInvalidConfigError"


def test_run_unknown_job_fails_with_one_event(shop: Worker) -> None:
    run = shop.run("no_such_job")

    assert run.types == ["PIPELINE_FAILURE"]
    assert run.events[0]["data"] == {"reason": "START_FAILED"}
    assert run.status == "FAILURE"


def test_run_failing_asset_carries_the_chain_of_causes(shop: Worker) -> None:
    run = shop.run(asset_selection=["failing", "after_failing"])

    (failure,) = run.of_type("STEP_FAILURE")
    cause = failure["error"]["cause"]
    assert (cause["cls"], cause["message"]) == ("ValueError", "ValueError: inner wrapped\n")
    assert cause["cause"]["cls"] == "KeyError"
    assert run.status == "FAILURE"


def test_run_user_failure_keeps_its_metadata(shop: Worker) -> None:
    run = shop.run(asset_selection=["intentional_failure"])

    (failure,) = run.of_type("STEP_FAILURE")
    assert failure["data"]["failure"]["description"] == "nope"
    assert failure["data"]["failure"]["metadata"]["n"] == {"type": "int", "value": 3}


def test_run_retry_policy_is_honoured(shop: Worker) -> None:
    run = shop.run(asset_selection=["flaky"])

    assert [event["data"] for event in run.of_type("STEP_UP_FOR_RETRY")] == [{"wait_seconds": 0.05}]
    assert run.status == "SUCCESS"


def test_run_tags_of_job_and_request_meet(shop: Worker) -> None:
    shop.data.answers["add_run_tags"] = None

    run = shop.run("daily_job", asset_selection=["stg_orders"], partition="2025-02-03", tags={"who": "me"})

    materialization = run.of_type("ASSET_MATERIALIZATION")[0]["data"]["materialization"]
    assert materialization["partition"] == "2025-02-03"


def test_run_dynamic_outputs_fan_out(shop: Worker) -> None:
    run = shop.run("op_job", run_config={"ops": {"fan": {"config": {"n": 3}}}})

    steps = {event["step"] for event in run.of_type("STEP_SUCCESS")}
    assert steps == {"fan", "work[k0]", "work[k1]", "work[k2]", "collect"}


def test_run_op_selection_runs_a_part(shop: Worker) -> None:
    run = shop.run("five_steps", op_selection=["start_op", "step_0"])

    assert {event["step"] for event in run.of_type("STEP_SUCCESS")} == {"start_op", "step_0"}


def test_run_killed_process_is_reported_with_its_signal(shop: Worker) -> None:
    run = shop.run(asset_selection=["killed"])

    message = shop.wait_message("exited", run.id)
    assert (message["exit_code"], message["signal"]) == (None, 9)
    assert run.status is None


def test_run_chain_within_the_run_reads_nothing(shop: Worker) -> None:
    shop.data.reads.clear()

    run = shop.run(asset_selection=["raw_customers", "stg_customers", "customer_value"])

    assert run.status == "SUCCESS"
    assert shop.data.reads == []


def test_run_prefetched_inputs_read_nothing_and_set_provenance(shop: Worker) -> None:
    upstream = shop.run(asset_selection=["stg_orders"], partition="2025-02-03").of_type("ASSET_MATERIALIZATION")[0]
    customers = shop.run(asset_selection=["raw_customers", "stg_customers"]).of_type("ASSET_MATERIALIZATION")[1]
    version = upstream["data"]["materialization"]["tags"]["dagster/data_version"]
    seeds: list[dict[str, Any]] = [
        {
            "asset": ["stg_orders"],
            "materialization": record_of(upstream, 71),
            "partition_tags": {"2025-02-03": {"dagster/data_version": version}},
        },
        {"asset": ["stg_customers"], "materialization": record_of(customers, 72)},
    ]
    shop.data.reads.clear()

    run = shop.run(asset_selection=["daily_revenue"], partition="2025-02-03", input_records=seeds)

    tags = run.of_type("ASSET_MATERIALIZATION")[0]["data"]["materialization"]["tags"]
    assert shop.data.reads == []
    assert tags["dagster/input_event_pointer/stg_orders"] == "71"
    assert tags["dagster/input_event_pointer/stg_customers"] == "72"


def test_run_unknown_inputs_are_read(shop: Worker) -> None:
    shop.data.reads.clear()

    shop.run(asset_selection=["stg_customers"])

    assert [read["method"] for read in shop.data.reads] == ["asset_records"]


@pytest.mark.parametrize("partition", ["2025-02-03"])
def test_run_partitioned_chain_within_the_run_reads_nothing(shop: Worker, partition: str) -> None:
    shop.data.reads.clear()
    selection = ["raw_orders", "stg_orders", "raw_customers", "stg_customers", "daily_revenue"]

    run = shop.run("daily_job", asset_selection=selection, partition=partition, env={"SHOP_DSN": "x"})

    reads = [read for read in shop.data.reads if read["args"].get("assets") != [["erp_export"]]]
    assert run.status == "SUCCESS"
    assert reads == []
