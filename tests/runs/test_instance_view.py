"""What user code asks through its instance: each read answers as docs/code-worker.md says, and for its own deployment only."""

from typing import Any

import pytest

from agent.protocol import AttemptRef, Read
from controlplane.deployments.services import create_deployment
from controlplane.runs import instance_view
from controlplane.runs.instance_view import FencedError
from controlplane.runs.services import cancel_run
from tenants.access import SYSTEM
from tenants.errors import InvalidError, NotFoundError
from tenants.ids import uuid7
from tests.runs.scripts import Sender, make_stage, materialization


@pytest.fixture
def attempt() -> Sender:
    """A run that made `raw` twice, in partitions a and b, and failed at `daily`."""
    sender = make_stage().claimed(assets=["raw", "daily"], tags={"team": "data"})
    sender.start("raw", "daily")
    for partition, version in (("a", "1"), ("b", "2")):
        tags = {"dagster/data_version": version, "x": partition}
        sender.event(
            "ASSET_MATERIALIZATION",
            step="raw",
            data=materialization("raw", partition, tags=tags),
            serdes=f'"{version}"',
        )
    sender.event(
        "ASSET_OBSERVATION",
        step="raw",
        data={"observation": materialization("seen/it")["materialization"]},
        serdes='"o"',
    )
    check = {
        "asset": ["daily"],
        "name": "not_empty",
        "passed": False,
        "severity": "ERROR",
        "metadata": {},
        "partition": None,
    }
    sender.event("ASSET_CHECK_EVALUATION", step="daily", data={"check": check}, serdes='"c"')
    sender.flush()
    return sender


def ask(attempt: Sender, method: str, **args: Any) -> Any:
    claim = attempt.claim
    ref = AttemptRef(run_id=str(claim.run_id), attempt=claim.attempt, epoch=claim.epoch)
    read = Read(agent_id=str(attempt.stage.agent.id), method=method, args=args, run=ref)
    return instance_view.answer(attempt.stage.org_id, read)


def ids(attempt: Sender) -> list[int]:
    events = ask(attempt, "asset_events", kind="materialization", asset=["raw"], ascending=True)
    return [record["id"] for record in events["records"]]


def test_asset_records_hold_the_latest_of_everything(attempt: Sender) -> None:
    records = {tuple(record["asset"]): record for record in ask(attempt, "asset_records", assets=None)}
    raw = records["raw",]
    assert raw["materialization"] == {"id": ids(attempt)[1], "serdes": '"2"'}
    assert (raw["last_run_id"], raw["planned_run_id"]) == (str(attempt.run_id), str(attempt.run_id))
    assert records["seen", "it"]["observation"]["serdes"] == '"o"'
    assert records["daily",]["materialization"] is None
    assert ask(attempt, "asset_records", assets=[["nope"]]) == []


def test_history_by_filters(attempt: Sender) -> None:
    first, second = ids(attempt)
    newest = ask(attempt, "asset_events", kind="materialization", asset=["raw"], limit=1)
    assert newest == {"records": [{"id": second, "serdes": '"2"'}], "has_more": True}
    for filters, expected in [
        ({"after_id": first}, [second]),
        ({"before_id": second}, [first]),
        ({"ids": [first]}, [first]),
        ({"partitions": ["b", "z"]}, [second]),
        ({"after_ts": 4e9}, []),
        ({"before_ts": 1.0}, []),
    ]:
        found = ask(attempt, "asset_events", kind="materialization", asset=["raw"], **filters)
        assert [record["id"] for record in found["records"]] == expected


def test_keys(attempt: Sender) -> None:
    assert ask(attempt, "asset_keys") == [["daily"], ["raw"], ["seen", "it"]]
    assert ask(attempt, "asset_keys", prefix=["seen"]) == [["seen", "it"]]
    assert ask(attempt, "asset_keys", after=["daily"], limit=1) == [["raw"]]
    assert (ask(attempt, "has_asset_key", asset=["raw"]), ask(attempt, "has_asset_key", asset=["x"])) == (True, False)
    assert ask(attempt, "max_event_id") >= ids(attempt)[1]


def test_partitions(attempt: Sender) -> None:
    first, second = ids(attempt)
    assert ask(attempt, "materialized_partitions", asset=["raw"]) == ["a", "b"]
    assert ask(attempt, "materialized_partitions", asset=["raw"], after_id=first) == ["b"]
    assert ask(attempt, "latest_ids_by_partition", kind="materialization", asset=["raw"]) == {"a": first, "b": second}
    tags = ask(attempt, "latest_tags_by_partition", kind="materialization", asset=["raw"], tags=["x"], partitions=["b"])
    assert tags == {"b": {"x": "b"}}
    assert ask(attempt, "event_tags", asset=["raw"], tags={"x": "a"}) == [{"dagster/data_version": "1", "x": "a"}]


def test_what_is_planned_and_not_made_is_incomplete() -> None:
    attempt = make_stage().claimed()
    attempt.start("raw")
    planned = ask(attempt, "planned_materialization", asset=["raw"])
    assert planned["run_id"] == str(attempt.run_id)
    assert ask(attempt, "incomplete_partitions", asset=["raw"]) == {}


def test_checks(attempt: Sender) -> None:
    [latest] = ask(attempt, "latest_checks", checks=[[["daily"], "not_empty"], [["raw"], "none"]])
    [again] = ask(attempt, "check_history", check=[["daily"], "not_empty"], limit=5)
    assert latest == again
    assert (latest["check"], latest["status"], latest["partition"]) == ([["daily"], "not_empty"], "FAILED", None)
    assert latest["record"]["serdes"] == '"c"'
    assert ask(attempt, "check_history", check=[["daily"], "not_empty"], statuses=["SUCCEEDED"]) == []
    assert ask(attempt, "latest_checks", checks=[[["daily"], "not_empty"]], partition="p") == []


def test_checks_of_partitions() -> None:
    """The latest of each partition, with the materialization of that partition which it was of."""
    attempt = make_stage().claimed(assets=["raw"])
    attempt.start("raw")
    checked = {"name": "fine", "asset": ["raw"], "severity": "ERROR", "metadata": {}}
    for partition, passed in (("a", True), ("a", False), ("b", True)):
        attempt.event("ASSET_MATERIALIZATION", step="raw", data=materialization("raw", partition), serdes='"m"')
        # As a run tells it of what it made itself.
        target = {"run_id": str(attempt.run_id), "id": None, "ts": 1.0}
        check = {**checked, "passed": passed, "partition": partition, "target": target}
        attempt.event("ASSET_CHECK_EVALUATION", step="raw", data={"check": check}, serdes='"c"')
    attempt.flush()
    latest = ask(attempt, "latest_ids_by_partition", kind="materialization", asset=["raw"])
    found = ask(attempt, "check_partitions", checks=[[["raw"], "fine"], [["raw"], "other"]])
    assert [(one["partition"], one["status"], one["run_id"]) for one in found] == [
        ("a", "FAILED", str(attempt.run_id)),
        ("b", "SUCCEEDED", str(attempt.run_id)),
    ]
    assert {one["partition"]: one["target_id"] for one in found} == latest
    assert {one["partition"]: one["materialization_id"] for one in found} == latest
    assert [
        one["partition"] for one in ask(attempt, "check_partitions", checks=[[["raw"], "fine"]], partitions=["b"])
    ] == ["b"]


def test_runs(attempt: Sender) -> None:
    other = attempt.stage.request(tags={"team": "ops"})
    assert [run["run_id"] for run in ask(attempt, "runs")] == [str(other.id), str(attempt.run_id)]
    [mine] = ask(attempt, "runs", tags={"team": ["data", "none"]})
    assert (mine["run_id"], mine["status"], mine["asset_selection"]) == (
        str(attempt.run_id),
        "STARTED",
        [["raw"], ["daily"]],
    )
    assert ask(attempt, "run_count", statuses=["QUEUED"]) == 1
    assert ask(attempt, "runs", ids=[str(other.id), "nonsense"])[0]["tags"] == {"team": "ops"}
    assert ask(attempt, "run_tags", tags=["team"]) == {"team": ["data", "ops"]}
    assert ask(attempt, "run_group", run_id=str(other.id))["root_run_id"] == str(other.id)
    assert [run["run_id"] for run in ask(attempt, "runs", before=str(other.id))] == [str(attempt.run_id)]


def test_of_a_large_group_the_root_and_the_newest_are_answered(
    attempt: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controlplane.runs.instance_runs.PAGE_MAX", 3)
    stage, root = attempt.stage, attempt.run_id
    assert [run["run_id"] for run in ask(attempt, "run_group", run_id=str(root))["runs"]] == [str(root)]
    again = [stage.request(parent_run_id=root, root_run_id=root).id for _ in range(4)]
    group = ask(attempt, "run_group", run_id=str(again[0]))
    assert group["root_run_id"] == str(root)
    assert [run["run_id"] for run in group["runs"]] == [str(root), str(again[2]), str(again[3])]


def test_events_of_a_run_are_whole_where_dagster_needs_them(attempt: Sender) -> None:
    answer = ask(
        attempt, "run_events", run_id=str(attempt.run_id), types=["ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION"]
    )
    assert [record["event"]["serdes"] for record in answer["records"]] == ['"1"', '"2"', '"c"']
    page = ask(attempt, "run_events", run_id=str(attempt.run_id), limit=1)
    assert (page["records"][0]["event"]["type"], page["has_more"]) == ("PIPELINE_START", True)
    rest = ask(attempt, "run_events", run_id=str(attempt.run_id), after_id=page["records"][0]["id"])
    assert len(rest["records"]) == 4


def test_changes_of_status(attempt: Sender) -> None:
    cancel_run(org_id=attempt.stage.org_id, run_id=attempt.run_id, actor=attempt.stage.cast.actor)
    attempt.say("PIPELINE_CANCELED")
    [record] = ask(attempt, "run_status_changes", type="PIPELINE_CANCELED", jobs=["__ASSET_JOB"])["records"]
    assert (record["run_id"], record["event"]["type"]) == (str(attempt.run_id), "PIPELINE_CANCELED")
    assert ask(attempt, "run_status_changes", type="PIPELINE_CANCELED", after_id=record["id"])["records"] == []


def test_dynamic_partitions_keep_the_order_of_addition(attempt: Sender) -> None:
    ask(attempt, "add_dynamic_partitions", name="c", partitions=["z", "a", "z"])
    ask(attempt, "add_dynamic_partitions", name="c", partitions=["a", "b"])
    ask(attempt, "delete_dynamic_partition", name="c", partition="z")
    assert ask(attempt, "dynamic_partitions", name="c") == ["a", "b"]
    assert ask(attempt, "has_dynamic_partition", name="c", partition="z") is False


def test_reported_events_tags_and_wipes(attempt: Sender) -> None:
    event = {"type": "ASSET_MATERIALIZATION", "ts": 1.7e9, "data": materialization("manual"), "serdes": '"m"'}
    ask(attempt, "report_event", run_id=None, event=event)
    [record] = ask(attempt, "asset_records", assets=[["manual"]])
    assert (record["materialization"]["serdes"], record["last_run_id"]) == ('"m"', None)
    ask(attempt, "wipe_asset", asset=["manual"])
    assert ask(attempt, "asset_records", assets=[["manual"]]) == []
    ask(attempt, "add_run_tags", run_id=str(attempt.run_id), tags={"team": "new"})
    assert ask(attempt, "run_count", tags={"team": "new"}) == 1
    assert ask(attempt, "run_count", tags={"team": "data"}) == 0


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("drop_tables", {}, "cannot answer drop_tables"),
    ("asset_events", {"kind": "planned", "asset": ["raw"]}, "kind"),
    ("asset_events", {"kind": "materialization", "asset": "raw"}, "asset"),
    ("delete_run", {"run_id": "nonsense"}, "not the id"),
    ("add_dynamic_partitions", {"name": "c", "partitions": ["x" * 5000]}, "too long"),
]


@pytest.mark.parametrize(("method", "args", "words"), REFUSED)
def test_what_makes_no_sense_is_refused(attempt: Sender, method: str, args: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        ask(attempt, method, **args)


def test_nothing_of_another_deployment_or_organization_is_seen(attempt: Sender) -> None:
    stage, stranger = attempt.stage, make_stage().claimed()
    with pytest.raises(NotFoundError):
        ask(attempt, "add_run_tags", run_id=str(stranger.run_id), tags={})
    assert ask(stranger, "runs", ids=[str(attempt.run_id)]) == []
    assert ask(stranger, "asset_records", assets=[["seen", "it"]]) == []
    with pytest.raises(NotFoundError):
        ask(Sender(stranger.stage, attempt.claim), "max_event_id")
    create_deployment(org_id=stage.org_id, name="staging", actor=SYSTEM)
    read = Read(agent_id=str(stage.agent.id), method="runs", version_id=str(uuid7()))
    with pytest.raises(NotFoundError):
        instance_view.answer(stage.org_id, read)


def test_another_agent_may_not_ask_for_an_attempt(attempt: Sender) -> None:
    claim = attempt.claim
    ref = AttemptRef(run_id=str(claim.run_id), attempt=claim.attempt, epoch=claim.epoch)
    with pytest.raises(FencedError):
        instance_view.answer(attempt.stage.org_id, Read(agent_id=str(uuid7()), method="runs", run=ref))
