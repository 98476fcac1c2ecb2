"""Ticks: the user's own dagster evaluates schedules and sensors, and the answer says what they ask for."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.worker.fake_agent import FakeAgent, Json, Worker, project

JANUARY_8 = 1767848400.0
RUN = "0196c5a5-0000-7000-8000-000000000001"


@pytest.fixture(scope="module")
def ticking(shared_agent: FakeAgent) -> Worker:
    location = project("ticking", module_name="ticking")
    worker = shared_agent.start(location, env={"DAGGERBOARD_DEPLOYMENT": "prod"})
    assert worker.ready["mode"] == "warm"
    return worker


@pytest.fixture(autouse=True)
def history(ticking: Worker) -> Json:
    """An empty one, which tests write on."""
    nothing: Json = {"records": [], "has_more": False}
    ticking.data.answers = {
        "asset_records": [],
        "asset_events": nothing,
        "run_status_changes": nothing,
        "dynamic_partitions": ["old.csv"],
        "has_dynamic_partition": lambda args: args["partition"] == "old.csv",
        "latest_tags_by_partition": {},
    }
    return ticking.data.answers


@pytest.fixture
def schedule(ticking: Worker) -> Callable[..., Json]:
    def tick(name: str, due: float = JANUARY_8, timezone: str | None = "Europe/Berlin") -> Json:
        return ticking.call("schedule_tick", name=name, due=due, timezone=timezone)

    return tick


@pytest.fixture
def sensor(ticking: Worker) -> Callable[..., Json]:
    def tick(name: str, cursor: str | None = None, **told: Any) -> Json:
        told = {"last_tick": None, "last_run_key": None, "started": 1.0, **told}
        return ticking.call("sensor_tick", name=name, cursor=cursor, **told)

    return tick


def texts(tick: Json) -> list[str]:
    return [text for _, _, text in tick["log"]]


def test_schedule_tick_has_time_zone_resources_environment_and_log(schedule):
    tick = schedule("hourly")

    (request,) = tick["requests"]
    assert request["run_key"] == "2026-01-08T06:00:00+01:00"
    assert request["job"] == "plain_job"
    assert request["run_config"] == {"newest": "top/42"}
    assert request["tags"] == {"from": "hourly", "dagster/schedule_name": "hourly"}
    assert texts(tick) == ["due 2026-01-08 06:00:00+01:00", "printed prod", "from a subprocess", "later"]
    assert [level for _, level, _ in tick["log"]] == [20, 20, 20, 30]


def test_schedule_of_a_partitioned_job_asks_for_the_partition_that_has_ended(schedule):
    (request,) = schedule("day_job_schedule")["requests"]

    assert (request["job"], request["partition"], request["run_key"]) == ("day_job", "2026-01-07", "2026-01-07")
    assert request["tags"]["dagster/partition"] == "2026-01-07"


def test_schedule_of_assets_asks_for_dagsters_own_job(ticking, schedule):
    (request,) = schedule("on_assets", timezone=None)["requests"]

    plan = ticking.call("execution_plan", job=request["job"])
    assert [step["assets"] for step in plan["steps"] if step["assets"]] == [[["plain"]]]


def test_sensor_moves_its_cursor_and_asks_for_runs_of_several_jobs(sensor):
    first, last = sensor("counting"), sensor("counting", cursor="2", last_run_key="b1", last_tick=2.0)

    assert [(one["run_key"], one["job"], one["partition"]) for one in first["requests"]] == [
        ("a0", "plain_job", None),
        ("b0", "day_job", "2026-01-02"),
    ]
    assert (first["cursor"], first["skip"]) == ("1", None)
    assert (last["cursor"], last["skip"], last["requests"]) == ("3", "last key b1", [])


def test_sensor_result_brings_partitions_and_asset_events_that_are_not_stored_yet(ticking, sensor):
    ticking.data.reads.clear()
    tick = sensor("arriving")

    (request,) = tick["requests"]
    assert (request["assets"], request["partition"]) == ([["by_file"]], "new.csv")
    assert tick["cursor"] == "after new.csv"
    assert tick["dynamic_partitions"] == [
        {"op": "add", "name": "files", "keys": ["new.csv"]},
        {"op": "delete", "name": "files", "keys": ["old.csv"]},
    ]
    events = [entry["event"] for entry in tick["asset_events"]]
    kinds = ["ASSET_MATERIALIZATION", "ASSET_OBSERVATION", "ASSET_CHECK_EVALUATION"]
    assert [event["type"] for event in events] == kinds
    assert events[0]["data"]["materialization"]["metadata"]["rows"]["value"] == 3
    assert all(json.loads(event["serdes"])["__class__"] == "EventLogEntry" for event in events)
    assert {read["method"] for read in ticking.data.reads} <= {"dynamic_partitions", "has_dynamic_partition"}


def test_request_for_stale_assets_names_them(sensor):
    assert sensor("stale_only")["requests"][0]["assets"] == [["plain"]]


def nothing_yet(**others: Any) -> Json:
    """What conditions ask of assets that nothing ever happened to."""
    return {"max_event_id": 7, "planned_materialization": None, "incomplete_partitions": {}, **others}


def test_conditions_of_user_code_ask_for_a_backfill_where_they_can(history, sensor):
    history.update(nothing_yet(backfills_under_way=[]))
    (request,) = sensor("conditions", backfills=True)["requests"]

    assert request["backfill"] == [{"asset": ["by_condition"], "partitions": ["eu", "us"]}]
    runs = sensor("conditions")["requests"]
    assert sorted((one["assets"], one["partition"]) for one in runs) == [
        ([["by_condition"]], "eu"),
        ([["by_condition"]], "us"),
    ]


def test_what_backfills_have_still_to_make_is_in_progress_for_conditions(history, sensor):
    asked = [{"asset": ["by_condition"], "partitions": ["eu"]}, {"asset": ["gone"], "partitions": []}]
    history.update(nothing_yet(backfills_under_way=asked))
    (request,) = sensor("conditions", backfills=True)["requests"]

    assert (request["assets"], request["partition"]) == ([["by_condition"]], "us")


def test_asset_sensors_see_the_history(history, sensor):
    event = sensor("arriving")["asset_events"][0]["event"]
    entry = event["serdes"].replace("upstream_of_all", "plain")
    history["asset_events"] = {"records": [{"id": 7, "serdes": entry}], "has_more": False}
    record = {"id": 7, "serdes": entry}
    history["asset_records"] = [{"asset": ["plain"], "id": 1, "materialization": record, "last_run_id": ""}]

    single, several = sensor("on_plain"), sensor("on_several")

    assert single["requests"][0]["partition"] == "2026-01-03"
    assert single["cursor"] == "7"
    assert several["skip"] == "fresh: ['plain']"


def failed_run(location: str, **tags: str) -> Json:
    """What the reads answer after one run failed."""
    event = {"type": "PIPELINE_FAILURE", "ts": 5.0, "level": 40, "step": None, "message": "the step broke"}
    change = {"id": 12, "run_id": RUN, "job": "plain_job", "event": event}
    run = {
        "id": 1,
        "run_id": RUN,
        "job": "plain_job",
        "location": location,
        "status": "FAILURE",
        "tags": tags,
        "created_at": 1.0,
    }
    return {"run_status_changes": {"records": [change], "has_more": False}, "runs": [run]}


@pytest.mark.parametrize(("tags", "error"), [({}, None), ({"page": "nobody"}, "the pager is broken")])
def test_run_status_sensor_reacts_to_a_run_and_moves_on(history, sensor, tags, error):
    begun = sensor("on_failure")
    history.update(failed_run("ticking", **tags))

    tick = sensor("on_failure", cursor=begun["cursor"])

    (reaction,) = tick["reactions"]
    assert (reaction["run_id"], reaction["status"]) == (RUN, "FAILURE")
    assert (reaction["error"] or {}).get("message", "").strip() == (f"RuntimeError: {error}" if error else "")
    assert not error or "in on_failure" in reaction["error"]["stack"][0]
    assert texts(tick) == ["failed: the step broke"]
    assert json.loads(tick["cursor"])["record_id"] == 12


def test_run_status_sensor_passes_over_runs_of_other_locations(history, sensor):
    begun = sensor("on_failure")
    history.update(failed_run("another"))

    tick = sensor("on_failure", cursor=begun["cursor"])

    assert tick["reactions"] == []
    assert json.loads(tick["cursor"])["record_id"] == 12


def test_error_is_the_users_own_and_keeps_the_log(sensor):
    tick = sensor("failing")

    assert tick["error"]["message"].strip() == "ValueError: the source is away"
    assert "in failing" in tick["error"]["stack"][0]
    assert tick["error"]["cause"]["cls"] == "KeyError"
    assert texts(tick) == ["about to fail"]


def test_exit_of_user_code_is_an_error_with_its_words(sensor):
    assert sensor("leaving")["error"]["message"].strip() == "SystemExit: no configuration"


@pytest.mark.parametrize(
    ("name", "call"),
    [("asking_too_much", "ScheduleStorage.all_instigator_state"), ("launching", "RunStorage.add_job_snapshot")],
)
def test_what_the_instance_cannot_answer_is_refused_by_name(sensor, name, call):
    tick = sensor(name)

    assert f"does not support {call}" in tick["error"]["message"]
    assert tick["unsupported"] == [call]


def test_the_instance_is_found_and_leaves_one_folder(shared_agent, sensor):
    ticks = [sensor("finding_the_instance") for _ in range(2)]

    assert [tick["skip"] for tick in ticks] == ["['old.csv']"] * 2
    (home,) = (shared_agent.root / "scratch").glob("calls-*")
    assert [file.name for file in home.rglob("*") if file.is_file()] == ["dagster.yaml"]


def test_log_is_bounded_and_says_what_is_left_out(sensor):
    lines = texts(sensor("shouting"))

    assert len(lines) <= 1001
    assert lines[0].startswith("line 0 ")
    assert any("more lines are left out" in line for line in lines)
    assert lines[-1].startswith(("y", "…"))


def test_answer_that_is_too_large_is_a_clear_error(sensor):
    tick = sensor("enormous")

    assert "are its requests; at most 7,340,032 can be passed on" in tick["error"]["message"]
    assert texts(tick) == ["so many"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("unstorable", "The run config of the run request 'k' cannot be stored as JSON: ops.a[1].day is datetime.date"),
        ("unstorable_cursor", "The cursor has a NUL character"),
    ],
)
def test_what_cannot_be_stored_is_named(sensor, name, words):
    assert words in sensor(name)["error"]["message"]


def test_partitions_that_only_user_code_knows(ticking):
    letters = ticking.call("job_partition", job="letter_job", partition="a")
    assert letters["run_config"] == {"ops": {"spell": {"config": {"letter": "a"}}}}
    assert letters["tags"]["letter"] == "A"
    assert "has no partitions" in ticking.call("job_partition", job="plain_job", partition="a")["error"]["message"]

    assert ticking.call("partition_keys", job="letter_job") == {"keys": ["a", "b"]}
    assert ticking.call("partition_keys", asset=["by_file"]) == {"keys": ["old.csv"]}
    assert "has no partitions" in ticking.call("partition_keys", asset=["plain"])["error"]["message"]

    pair = {"child": ["mirrored"], "parent": ["by_region"]}
    assert ticking.call("map_partitions", **pair, direction="upstream", keys=["ue"]) == {"keys": ["eu"]}
    assert ticking.call("map_partitions", **pair, direction="downstream", keys=["us"]) == {"keys": ["su"]}
