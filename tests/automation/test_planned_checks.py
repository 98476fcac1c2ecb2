"""A check that a run is to evaluate is in progress for dagster's eyes from the request of the run until it is evaluated or the run ends."""

from functools import partial

import dagster as dg
import pytest

from controlplane.catalog import projections
from controlplane.catalog.models import AssetChange
from controlplane.catalog.rows import CheckRow
from controlplane.runs import planned_checks
from controlplane.runs.instance_scope import Scope
from controlplane.runs.instance_view import answer_within
from controlplane.runs.models import Run
from controlplane.runs.requests import RANGE_END_TAG, RANGE_START_TAG, RunRequest
from controlplane.runs.services import request_run
from controlplane.runs.states import RunStatus
from tenants.scoping import org_scope
from tests.automation.backfill_world import end
from tests.automation.stage import Stage
from tests.automation.test_evaluating import AC, asset
from tests.cast import Cast


@pytest.fixture
def stage(cast: Cast) -> Stage:
    """`up` with two checks, and assets that ask whether one of these begins or breaks."""

    @dg.asset_check(asset="up")
    def fine() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    @dg.asset_check(asset="up")
    def large() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    checks = AC.any_checks_match
    assets = [
        asset("up"),
        asset("alone"),
        asset("begins", "up", on=AC.any_deps_match(checks(AC.in_progress())).newly_true()),
        asset("breaks", "up", on=AC.any_deps_match(checks(AC.execution_failed())).newly_true()),
    ]
    stage = Stage(cast)
    stage.load("shop", dg.Definitions(assets, asset_checks=[fine, large]))
    stage.settle(2)
    return stage


def run_of(stage: Stage, **asked: object) -> Run:
    request = RunRequest(location="shop", **asked)  # type: ignore[arg-type]  # fields of it
    return request_run(org_id=stage.org_id, deployment_id=stage.deployment_id, request=request, actor=stage.cast.actor)


def latest(stage: Stage) -> dict[str, tuple[str, str]]:
    """By check: what dagster would read of its latest execution, and of which run."""
    asked = {"checks": [[["up"], "fine"], [["up"], "large"]]}
    with org_scope(stage.org_id):
        found = answer_within(lambda: Scope(stage.org_id, stage.deployment_id), "latest_checks", asked)
    return {one["check"][1]: (one["status"], one["run_id"]) for one in found}


def test_conditions_see_it_begin_and_break(stage: Stage) -> None:
    run = run_of(stage, checks=["up:fine"])
    assert latest(stage) == {"fine": ("PLANNED", str(run.id))}
    stage.settle(2)
    assert stage.requested[1:] == [(("begins",), None)]
    # The run made nothing of an asset, so that its end is told by its checks alone.
    end(run, RunStatus.FAILURE)
    stage.settle(2)
    assert stage.requested[2:] == [(("breaks",), None)]


def test_what_is_not_named_comes_along_with_its_asset(stage: Stage) -> None:
    of_all = run_of(stage, assets=["up"])
    assert latest(stage) == dict.fromkeys(["fine", "large"], ("PLANNED", str(of_all.id)))
    run_of(stage, assets=["alone"])
    run_of(stage, assets=["up"], checks=[])
    assert {run for _, run in latest(stage).values()} == {str(of_all.id)}
    later = run_of(stage, checks=["up:large"])
    assert latest(stage) == {"fine": ("PLANNED", str(of_all.id)), "large": ("PLANNED", str(later.id))}


def evaluate(run: Run, check: str, *, passed: bool = True, times: int = 1) -> None:
    row = partial(
        CheckRow, run.deployment_id, "up", check, None, run.id, run.created_at, passed=passed, severity="ERROR"
    )
    with org_scope(run.org_id):
        projections.apply(run.org_id, [row() for _ in range(times)])


def test_the_newest_plan_is_found_behind_any_number_of_evaluations_of_older_ones(stage: Stage) -> None:
    older, newest = run_of(stage, checks=["up:fine"]), run_of(stage, checks=["up:fine", "up:large"])
    evaluate(newest, "fine", passed=False)
    evaluate(older, "fine", times=60)
    evaluate(older, "large")
    assert latest(stage) == {"fine": ("FAILED", str(newest.id)), "large": ("PLANNED", str(newest.id))}
    later = run_of(stage, assets=["alone"])
    evaluate(later, "fine")
    assert latest(stage)["fine"] == ("SUCCEEDED", str(later.id))


def test_an_end_is_told_of_assets_whose_checks_were_to_be_evaluated(stage: Stage) -> None:
    for run in (run_of(stage, assets=["up", "alone"]), run_of(stage, assets=["up", "alone"], checks=[])):
        stage.settle(2)
        with org_scope(run.org_id):
            planned_checks.note_ends(run.org_id, [run.id])
            found = AssetChange.objects.for_org(run.org_id).filter(deployment_id=run.deployment_id)
            noted = list(found.values_list("consumer", "asset_key"))
        assert noted == ([("conditions", "up")] if run.check_selection is None else [])


DAYS = dg.StaticPartitionsDefinition(["a", "b", "c", "d"])


@pytest.fixture
def days(cast: Cast) -> Stage:
    """`days` with a check of each partition, and an asset that asks which of these begin."""

    @dg.asset_check(asset="days", partitions_def=DAYS)
    def fine() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    begins = AC.any_deps_match(AC.any_checks_match(AC.in_progress())).newly_true()
    assets = [asset("days", partitions_def=DAYS), asset("each", "days", partitions_def=DAYS, on=begins)]
    stage = Stage(cast)
    stage.load("shop", dg.Definitions(assets, asset_checks=[fine]))
    stage.settle(2)
    return stage


def of_partitions(stage: Stage, partitions: list[str] | None = None) -> dict[str, tuple[str, str]]:
    asked = {"checks": [[["days"], "fine"]], "partitions": partitions}
    with org_scope(stage.org_id):
        found = answer_within(lambda: Scope(stage.org_id, stage.deployment_id), "check_partitions", asked)
    return {one["partition"]: (one["status"], one["run_id"]) for one in found if one["partition"] is not None}


def ranged(start: str, end: str) -> dict[str, str]:
    return {RANGE_START_TAG: start, RANGE_END_TAG: end}


def test_a_run_of_a_range_is_to_evaluate_the_check_of_each_partition(days: Stage) -> None:
    first = run_of(days, assets=["days"], tags=ranged("a", "c"))
    assert of_partitions(days) == dict.fromkeys("abc", ("PLANNED", str(first.id)))
    row = CheckRow(days.deployment_id, "days", "fine", "b", first.id, first.created_at, passed=True, severity="ERROR")
    with org_scope(days.org_id):
        projections.apply(days.org_id, [row])
    # Checks alone plan too, and what is planned later counts.
    second = run_of(days, checks=["days:fine"], tags=ranged("c", "d"))
    planned = {key: ("PLANNED", str(run.id)) for key, run in {"a": first, "c": second, "d": second}.items()}
    assert of_partitions(days) == {**planned, "b": ("SUCCEEDED", str(first.id))}
    assert of_partitions(days, ["d"]) == {"d": planned["d"]}


def test_conditions_see_which_partitions_of_a_range_begin(days: Stage) -> None:
    run_of(days, assets=["days"], tags=ranged("b", "b"))
    days.settle(2)
    assert days.requested[1:] == [(("each",), "b")]
