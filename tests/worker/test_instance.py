"""`context.instance`: every public method answers, from the control plane's plain JSON; the rest fails by name as ours."""

import pytest

from tests.worker.fake_agent import Json, Worker

OTHER_RUN = {
    "id": 7,
    "run_id": "other-run",
    "job": "x",
    "status": "SUCCESS",
    "tags": {},
    "run_config": {},
    "created_at": 1000.0,
    "updated_at": 1010.0,
    "started_at": 1001.0,
    "ended_at": 1009.0,
}
SUCCESS_EVENT = {"ts": 1009.0, "type": "PIPELINE_SUCCESS", "level": 10, "step": None, "message": "done"}
RUN_EVENT = {"id": 90, "run_id": "other-run", "job": "x", "event": SUCCESS_EVENT}


def history(shop: Worker) -> dict[str, object]:
    made = shop.run(asset_selection=["trivial"]).of_type("ASSET_MATERIALIZATION")[0]
    record = {"id": 41, "serdes": made["serdes"]}
    asset = {"asset": ["trivial"], "id": 1, "materialization": record, "observation": None, "last_run_id": "r"}

    def records(args: Json) -> list[Json]:
        return [asset] if args["assets"] in (None, [["trivial"]]) else []

    return {
        "asset_records": records,
        "asset_keys": [["talkative"], ["trivial"]],
        "has_asset_key": True,
        "asset_events": lambda args: {
            "records": [record] if args["kind"] == "materialization" else [],
            "has_more": False,
        },
        "materialized_partitions": ["us"],
        "incomplete_partitions": {"eu": ["failed-run", 50], "apac": ["live-run", 51]},
        "planned_materialization": {"id": 51, "run_id": "live-run"},
        "runs": runs,
        "run_events": {"records": [RUN_EVENT], "has_more": False},
        "run_status_changes": {"records": [RUN_EVENT], "has_more": False},
        "freshness_states": [{"asset": ["trivial"], "state": "WARN", "ts": 1000.0}],
        "dynamic_partitions": ["a.csv"],
        "has_dynamic_partition": True,
        **dict.fromkeys(("add_dynamic_partitions", "delete_dynamic_partition", "report_event")),
        **dict.fromkeys(("wipe_asset", "delete_run", "add_run_tags")),
    }


def runs(args: Json) -> list[Json]:
    statuses = {"failed-run": "FAILURE", "live-run": "STARTED", "other-run": "SUCCESS"}
    wanted = args["ids"] or ["other-run"]
    return [{**OTHER_RUN, "run_id": run_id, "status": statuses[run_id]} for run_id in wanted]


@pytest.fixture
def reading(shop: Worker) -> Json:
    shop.data.answers.update(history(shop))
    shop.data.reads.clear()
    run = shop.run(asset_selection=["reads_everything"])
    assert run.status == "SUCCESS", run.of_type("STEP_FAILURE")[0]["error"]
    (event,) = run.of_type("ASSET_MATERIALIZATION")
    return event["data"]["materialization"]["metadata"]["found"]["value"]


def test_instance_public_reads_answer_what_the_control_plane_said(reading: Json) -> None:
    assert reading == {
        "asset_keys": ["talkative", "trivial"],
        "has_asset_key": True,
        "asset_records": 1,
        "materializations": 1,
        "observations": 0,
        "event": True,
        "code_versions": reading["code_versions"],
        "statuses": {"us": "MATERIALIZED", "eu": "FAILED", "apac": "IN_PROGRESS"},
        "run": "SUCCESS",
        "own_run": "STARTED",
        "record": 1001.0,
        "records": ["x"],
        "changes": 1,
        "dynamic": ["a.csv"],
        "has_dynamic": True,
        "logs": ["PIPELINE_SUCCESS"],
        "freshness": "WARN",
        "same": "AgentRunStorage",
    }
    assert reading["code_versions"]


@pytest.mark.usefixtures("reading")
def test_instance_public_writes_reach_the_control_plane(shop: Worker) -> None:
    said = {read["method"]: read["args"] for read in shop.data.reads}

    assert said["add_dynamic_partitions"] == {"name": "files", "partitions": ["b.csv"]}
    assert said["delete_dynamic_partition"] == {"name": "files", "partition": "a.csv"}
    assert said["wipe_asset"] == {"asset": ["trivial"], "partitions": None}
    assert said["delete_run"] == {"run_id": "other-run"}
    assert said["add_run_tags"]["tags"] == {"seen": "yes"}
    reported = [read["args"] for read in shop.data.reads if read["method"] == "report_event"]
    assert (reported[0]["run_id"], reported[0]["event"]["type"]) == (None, "ASSET_MATERIALIZATION")


def test_instance_unsupported_call_fails_by_name_as_ours(shop: Worker) -> None:
    run = shop.run(asset_selection=["asks_too_much"])

    cause = run.of_type("STEP_FAILURE")[0]["error"]["cause"]
    assert cause["cls"] == "DaggerboardUnsupportedError"
    assert "RunStorage.get_daemon_heartbeats" in cause["message"]
    assert shop.data.exits[run.id]["unsupported"] == ["RunStorage.get_daemon_heartbeats"]
