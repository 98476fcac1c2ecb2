"""Requests for runs: what is accepted and what it becomes; what is refused and in which words."""

import datetime
from typing import Any

import pytest

from controlplane.catalog.models import AssetEvent, AssetState, PartitionState
from controlplane.definitions.manifest import Check, ConfigField, ConfigType, Job, Op, PartitionsDefinition
from controlplane.deployments.models import RetentionMark
from controlplane.runs import instance_view
from controlplane.runs.errors import InvalidRunConfigError, NotResumableError, RunEndedError
from controlplane.runs.models import RunLabel
from controlplane.runs.services import cancel_run, reexecute_run
from tenants.errors import InvalidError, NotFoundError
from tenants.scoping import org_scope
from tests.cast import make_cast
from tests.factories import asset, make_location, make_manifest
from tests.runs.scripts import Sender, Stage, make_stage

DAYS = PartitionsDefinition(
    kind="time_window", cls="D", start="2024-01-01", timezone="UTC", fmt="%Y-%m-%d", cron="0 0 * * *"
)
PARTITIONS = {
    "days": DAYS,
    "static": PartitionsDefinition(kind="static", cls="S", keys=["eu", "us"]),
    "dynamic": PartitionsDefinition(kind="dynamic", cls="D", name="customers"),
}
TYPES = {
    "root": ConfigType(kind="STRICT_SHAPE", fields=[ConfigField(name="ops", type="ops", required=True)]),
    "ops": ConfigType(kind="STRICT_SHAPE", fields=[ConfigField(name="load", type="load", required=True)]),
    "load": ConfigType(kind="STRICT_SHAPE", fields=[ConfigField(name="config", type="config", required=True)]),
    "config": ConfigType(
        kind="STRICT_SHAPE",
        fields=[ConfigField(name="rows", type="Int", required=True), ConfigField(name="dry", type="Bool")],
    ),
    "Int": ConfigType(kind="SCALAR", scalar="INT"),
    "Bool": ConfigType(kind="SCALAR", scalar="BOOL"),
}
ASSETS = [
    asset("raw"),
    asset("daily", "raw", partitions="days"),
    asset("report", "daily", partitions="days"),
    asset("regions", partitions="static"),
    asset("customers", partitions="dynamic"),
    asset("left", execution_set="both"),
    asset("right", execution_set="both"),
    asset("seen", execution_type="observation"),
    asset("outside", is_executable=False, is_external=True),
]


def shop() -> Any:
    keys = [each.key for each in ASSETS if not each.is_external]
    jobs = [
        Job(name="__ASSET_JOB", implicit=True, assets=keys, checks=[(["daily"], "not_empty")]),
        Job(name="nightly", assets=[["raw"], ["daily"]], run_tags={"team": "data"}),
        Job(name="load", ops=[Op(name="load"), Op(name="g", ops=[Op(name="inner")])], config="root"),
    ]
    checks = [Check(asset=["daily"], name="not_empty")]
    return make_manifest(ASSETS, jobs=jobs, checks=checks, partitions_definitions=PARTITIONS, config_types=TYPES)


@pytest.fixture
def stage() -> Stage:
    return make_stage(shop())


def planned(stage: Stage, run_id: object) -> list[tuple[str, str | None]]:
    with org_scope(stage.org_id):
        rows = AssetEvent.objects.for_org(stage.org_id).filter(run_id=run_id, kind="planned").order_by("id")
        return [(row.asset_key, row.partition_key) for row in rows]


def test_a_run_of_assets_is_queued_and_planned(stage: Stage) -> None:
    run = stage.request(assets=["daily", "report"], partition="2024-02-29", tags={"dagster/priority": "7"})
    assert (run.status, run.job_name, run.priority, run.queue) == ("QUEUED", "__ASSET_JOB", 7, "default")
    assert run.tags == {"dagster/priority": "7", "dagster/partition": "2024-02-29"}
    assert planned(stage, run.id) == [("daily", "2024-02-29"), ("report", "2024-02-29")]


def test_an_asset_without_partitions_is_planned_without_one(stage: Stage) -> None:
    run = stage.request(job="nightly", partition="2024-01-01")
    assert planned(stage, run.id) == [("daily", "2024-01-01"), ("raw", None)]


def test_a_range_of_partitions_plans_each(stage: Stage) -> None:
    tags = {"dagster/asset_partition_range_start": "2024-01-01", "dagster/asset_partition_range_end": "2024-01-03"}
    run = stage.request(assets=["daily"], tags=tags)
    assert planned(stage, run.id) == [("daily", f"2024-01-0{day}") for day in (1, 2, 3)]


def test_what_is_computed_together_runs_together(stage: Stage) -> None:
    run = stage.request(assets=["left"])
    assert (run.asset_selection, run.target_assets) == (["left", "right"], ["left", "right"])


def test_an_observation_plans_nothing(stage: Stage) -> None:
    run = stage.request(assets=["seen"])
    assert (run.target_assets, planned(stage, run.id)) == ([], [])


def test_checks_alone_select_no_assets(stage: Stage) -> None:
    run = stage.request(checks=["daily:not_empty"])
    assert (run.asset_selection, run.check_selection, run.target_assets) == ([], ["daily:not_empty"], [])


def test_a_dynamic_partition_must_have_been_added(stage: Stage) -> None:
    with pytest.raises(InvalidError, match="have no key acme: add it first"):
        stage.request(assets=["customers"], partition="acme")
    with org_scope(stage.org_id):
        scope = instance_view.Scope(stage.org_id, stage.cast.deployment.id)
        handle = instance_view.METHODS["add_dynamic_partitions"]
        handle[1](scope, handle[0](name="customers", partitions=["acme"]))  # type: ignore[call-arg]
    assert stage.request(assets=["customers"], partition="acme").partition_key == "acme"


def test_tags_of_the_job_are_under_those_of_the_request(stage: Stage) -> None:
    first = stage.request(job="nightly", partition="2024-01-01")
    second = stage.request(job="nightly", partition="2024-01-01", tags={"team": "me"})
    assert (first.tags["team"], second.tags["team"]) == ("data", "me")


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"assets": ["nope"]}, "", "No code location defines the asset nope"),
    ({"assets": ["outside"]}, "assets", "made elsewhere"),
    ({"assets": ["raw\\"]}, "assets", "backslash"),
    ({"assets": []}, "location", "Say what to run"),
    ({"job": "nope"}, "", "No code location defines a job nope"),
    ({"job": "nightly", "assets": ["regions"]}, "assets", "does not contain regions"),
    ({"job": "load", "assets": ["raw"]}, "assets", "job of ops"),
    ({"job": "load", "ops": ["g.outer"]}, "ops", "does not contain the ops g.outer"),
    ({"job": "nightly", "ops": ["raw"]}, "ops", "select assets"),
    ({"assets": ["daily"]}, "partition", "say which partition"),
    ({"assets": ["daily"], "partition": "2023-12-31"}, "partition", "they go from 2024-01-01"),
    ({"assets": ["raw"], "partition": "2024-01-01"}, "partition", "leave the partition out"),
    ({"assets": ["regions"], "partition": "asia"}, "partition", "there are eu, us"),
    ({"assets": ["regions", "daily"], "partition": "eu"}, "assets", "run them separately"),
    ({"assets": ["raw"], "tags": {"x": "y" * 5000}}, "tags", "at most 2000"),
    ({"assets": ["raw"], "tags": {str(n): "" for n in range(101)}}, "tags", "100 tags"),
    ({"assets": ["raw"], "tags": {"a\0": ""}}, "tags", "cannot be stored"),
    ({"assets": ["raw"], "tags": {"dagster/priority": "high"}}, "tags", "whole number"),
    ({"assets": ["raw"], "tags": {"dagster/max_runtime": "soon"}}, "tags", "number of seconds"),
    ({"assets": ["raw"], "run_config": {"x": "a\0"}}, "run_config", "NUL"),
    ({"assets": ["raw"], "run_config": {"x": "y" * 2_000_000}}, "run_config", "are accepted"),
]


@pytest.mark.parametrize(("fields", "attr", "words"), REFUSED)
def test_what_cannot_run_is_refused_in_words(stage: Stage, fields: dict[str, Any], attr: str, words: str) -> None:
    with pytest.raises((InvalidError, NotFoundError), match=words.replace("(", r"\(")) as refused:
        stage.request(**fields)
    assert (refused.value.attr or "") == attr


CONFIGS: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"ops": {"load": {"config": {"rows": 3, "dry": True}}}}, []),
    ({}, [("ops", "MISSING_REQUIRED_FIELD")]),
    ({"ops": {"load": {"config": {"rows": "3"}}}}, [("ops.load.config.rows", "RUNTIME_TYPE_MISMATCH")]),
    ({"ops": {"load": {"config": {"rows": True}}}}, [("ops.load.config.rows", "RUNTIME_TYPE_MISMATCH")]),
    ({"ops": {"load": {"config": {}}, "x": 1}}, [("ops.load.config.rows", "MISSING_REQUIRED_FIELD"), ("ops.x", "FIELD_NOT_DEFINED")]),
]  # fmt: skip


@pytest.mark.parametrize(("config", "wrong"), CONFIGS)
def test_a_wrong_config_is_refused_with_paths(
    stage: Stage, config: dict[str, Any], wrong: list[tuple[str, str]]
) -> None:
    if not wrong:
        assert stage.request(job="load", run_config=config).run_config == config
        return
    with pytest.raises(InvalidRunConfigError) as refused:
        stage.request(job="load", run_config=config)
    assert [(".".join(error.path), error.reason) for error in refused.value.errors] == wrong


def test_several_locations_need_a_name() -> None:
    stage = make_stage(shop())
    make_location(stage.cast, "other", manifest=make_manifest([asset("mine")], location="other", jobs=shop().jobs))
    with pytest.raises(InvalidError, match="name the location"):
        stage.request(job="load")
    with pytest.raises(InvalidError, match=r"several code locations \(other, shop\)"):
        stage.request(assets=["raw", "mine"])


def test_another_organizations_runs_are_not_there(stage: Stage) -> None:
    run, stranger = stage.request(), make_cast("outsider")
    for act in (cancel_run, reexecute_run):
        more = {"from_failure": False} if act is reexecute_run else {}
        with pytest.raises(NotFoundError):
            act(org_id=stranger.org_id, run_id=run.id, actor=stranger.actor, **more)  # type: ignore[operator]


def test_a_queued_run_is_canceled_at_once_and_never_claimed(stage: Stage) -> None:
    run = stage.request()
    canceled = cancel_run(org_id=stage.org_id, run_id=run.id, actor=stage.cast.actor)
    assert (canceled.status, canceled.failure_code, stage.claim()) == ("CANCELED", "canceled", [])
    with pytest.raises(RunEndedError):
        cancel_run(org_id=stage.org_id, run_id=run.id, actor=stage.cast.actor)


def test_a_running_run_is_canceled_through_its_agent_and_twice_is_once(stage: Stage) -> None:
    attempt = stage.claimed()
    attempt.start("raw")
    for _ in range(2):
        assert cancel_run(org_id=stage.org_id, run_id=attempt.run_id, actor=stage.cast.actor).status == "CANCELING"
    attempt.say("PIPELINE_CANCELED")
    assert attempt.run.status == "CANCELED"


def failed(stage: Stage) -> Sender:
    attempt = stage.claimed(job="nightly", partition="2024-01-01")
    attempt.start("raw", "daily")
    attempt.step("raw")
    attempt.say("STEP_START", step="daily")
    attempt.say("STEP_FAILURE", step="daily", error={"message": "no"})
    attempt.say("PIPELINE_FAILURE")
    return attempt


def test_from_failure_runs_what_was_not_made(stage: Stage) -> None:
    attempt = failed(stage)
    again = reexecute_run(org_id=stage.org_id, run_id=attempt.run_id, from_failure=True, actor=stage.cast.actor)
    assert (again.asset_selection, again.partition_key, again.job_name) == (["daily"], "2024-01-01", "nightly")
    assert (again.parent_run_id, again.root_run_id) == (attempt.run_id, attempt.run_id)
    assert again.tags["dagster/parent_run_id"] == str(attempt.run_id)


def test_all_again_runs_everything_and_keeps_the_root(stage: Stage) -> None:
    attempt = failed(stage)
    second = reexecute_run(org_id=stage.org_id, run_id=attempt.run_id, from_failure=False, actor=stage.cast.actor)
    third = reexecute_run(org_id=stage.org_id, run_id=second.id, from_failure=False, actor=stage.cast.actor)
    assert (third.asset_selection, third.parent_run_id, third.root_run_id) == (None, second.id, attempt.run_id)


def test_from_failure_is_refused_where_it_cannot_be_right(stage: Stage) -> None:
    ops = stage.claimed(job="load", run_config=CONFIGS[0][0])
    with pytest.raises(NotResumableError, match="not ended yet"):
        reexecute_run(org_id=stage.org_id, run_id=ops.run_id, from_failure=True, actor=stage.cast.actor)
    ops.say("PIPELINE_FAILURE")
    with pytest.raises(NotResumableError, match="before its first step"):
        reexecute_run(org_id=stage.org_id, run_id=ops.run_id, from_failure=True, actor=stage.cast.actor)


def test_from_failure_is_refused_where_its_history_was_deleted(stage: Stage) -> None:
    ops = stage.claimed(job="load", run_config=CONFIGS[0][0])
    ops.start("extract")
    ops.say("PIPELINE_FAILURE")
    assets = failed(stage)
    with org_scope(stage.org_id):
        tomorrow = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
        given = {"deployment_id": stage.cast.deployment.id, "before": tomorrow}
        for kind in ("events", "asset_events"):
            RetentionMark.objects.create_in(stage.org_id, kind=kind, **given)
    for run_id, setting in ((ops.run_id, "retention.events"), (assets.run_id, "retention.asset_events")):
        with pytest.raises(NotResumableError, match=setting):
            reexecute_run(org_id=stage.org_id, run_id=run_id, from_failure=True, actor=stage.cast.actor)
        assert reexecute_run(org_id=stage.org_id, run_id=run_id, from_failure=False, actor=stage.cast.actor)


def test_a_failed_partition_is_planned_again_and_then_made(stage: Stage) -> None:
    attempt = failed(stage)
    with org_scope(stage.org_id):
        state = PartitionState.objects.for_org(stage.org_id).get(asset_key="daily")
        assert state.failed_run_id == attempt.run_id
    again = reexecute_run(org_id=stage.org_id, run_id=attempt.run_id, from_failure=True, actor=stage.cast.actor)
    [claim] = stage.claim()
    Sender(stage, claim).step("daily", partition="2024-01-01")
    with org_scope(stage.org_id):
        state = PartitionState.objects.for_org(stage.org_id).get(asset_key="daily")
        whole = AssetState.objects.for_org(stage.org_id).get(asset_key="daily")
    assert (state.failed_run_id, state.materialization_run_id, whole.failed_run_id) == (None, again.id, None)
    assert state.materialization_id > state.planned_id


def test_every_label_of_a_run_is_indexed(stage: Stage) -> None:
    run = stage.request(assets=["daily"], partition="2024-01-01", tags={"a": "b"})
    with org_scope(stage.org_id):
        assert RunLabel.objects.for_org(stage.org_id).filter(run_id=run.id).count() == 7
