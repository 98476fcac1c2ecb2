"""Observable source assets are observed every so many minutes, as dagster's daemon does, while their sensor runs."""

import datetime

import dagster as dg
import pytest

from controlplane.automation.conditions import services
from controlplane.automation.models import ConditionState, Instigator
from controlplane.evaluator.conditions import observing
from tenants.scoping import org_scope
from tests.automation.looking import look_at_definitions
from tests.automation.stage import Stage
from tests.automation.test_evaluating import AC, asset
from tests.cast import Cast

DAYS = dg.DailyPartitionsDefinition("2026-01-01")


def source(name: str, minutes: float | None, **given: object) -> dg.SourceAsset:
    """The decorator of this dagster takes the argument and forgets it."""

    def seen() -> dg.DataVersion:
        return dg.DataVersion("1")

    return dg.SourceAsset(key=name, observe_fn=seen, auto_observe_interval_minutes=minutes, **given)


def load(stage: Stage, minutes: float) -> None:
    sources = [source("often", minutes), source("as_often", minutes), source("days", minutes, partitions_def=DAYS)]
    stage.load("shop", dg.Definitions([*sources, source("seldom", 600), source("never", None), asset("made", "often")]))


@pytest.fixture
def stage(cast: Cast) -> Stage:
    stage = Stage(cast)
    load(stage, 30)
    stage.settle(2)
    return stage


def since(stage: Stage, number: int) -> list[tuple[str, ...]]:
    """What runs observe, but for the first so many."""
    return sorted(assets for assets, _partition in stage.requested[number:])


def later(stage: Stage, minutes: float) -> None:
    """As if all that was requested had been so long ago."""
    ago = datetime.timedelta(minutes=minutes)
    with org_scope(stage.org_id):
        for row in ConditionState.objects.for_org(stage.org_id).filter(deployment_id=stage.deployment_id):
            rows = ConditionState.objects.for_org(stage.org_id).filter(entity=row.entity)
            rows.update(evaluated_at=row.evaluated_at - ago, next_due_at=row.next_due_at and row.next_due_at - ago)


OFTEN = [("as_often", "often"), ("days",)]


def test_each_is_observed_when_its_minutes_have_passed(stage: Stage) -> None:
    # What is due at the same time and has the same partitions is one run; all were due at once.
    assert since(stage, 0) == [("as_often", "often", "seldom"), ("days",)]
    [run, *_] = stage.runs
    assert (run.tags[observing.AUTO_OBSERVE_TAG], run.target_assets, run.partition_key) == ("true", [], None)
    assert run.tags["dagster/sensor_name"] == "default_automation_condition_sensor"

    later(stage, 29)
    stage.settle(2)
    assert len(stage.runs) == 2
    later(stage, 2)
    stage.settle(2)
    assert since(stage, 2) == OFTEN


def test_the_deployment_is_due_when_the_first_of_them_is(stage: Stage) -> None:
    evaluated, due = stage.evaluator.evaluated_at, stage.evaluator.next_due_at
    assert evaluated is not None
    assert due is not None
    assert datetime.timedelta(minutes=29) < due - evaluated <= datetime.timedelta(minutes=30)


def test_another_interval_counts_from_the_last_request(stage: Stage) -> None:
    later(stage, 20)
    load(stage, 60)
    stage.settle(2)
    later(stage, 20)
    stage.settle(2)
    assert len(stage.runs) == 2
    load(stage, 35)
    stage.settle(2)
    assert since(stage, 2) == OFTEN


def test_nothing_is_observed_while_the_sensor_is_off_or_conditions_are_paused(stage: Stage) -> None:
    later(stage, 40)
    services.pause(org_id=stage.org_id, deployment_id=stage.deployment_id, actor=stage.cast.actor)
    stage.settle(2)
    services.resume(org_id=stage.org_id, deployment_id=stage.deployment_id, actor=stage.cast.actor)
    with org_scope(stage.org_id):
        rows = Instigator.objects.for_org(stage.org_id)
        rows.update(is_running=False)
    stage.settle(2)
    assert len(stage.runs) == 2
    with org_scope(stage.org_id):
        rows.update(is_running=True)
    look_at_definitions()
    stage.settle(2)
    assert since(stage, 2) == OFTEN


def test_what_has_no_interval_any_more_is_forgotten(stage: Stage) -> None:
    def known() -> set[str]:
        with org_scope(stage.org_id):
            return set(ConditionState.objects.for_org(stage.org_id).values_list("entity", flat=True))

    assert known() == {f"{name}: observed" for name in ("often", "as_often", "days", "seldom")}
    stage.load("shop", dg.Definitions([source("often", 5), asset("made", "often", on=AC.eager())]))
    stage.settle(2)
    assert known() == {"often: observed", "made"}


def test_the_page_of_the_asset_says_when_it_is_observed(stage: Stage) -> None:
    def tab(name: str) -> str:
        path = f"/{stage.cast.org.slug}/{stage.cast.deployment.name}/assets/{name}?tab=automation"
        return stage.cast.signed_in().get(path).content.decode()

    assert "Observed by the clock" in tab("often")
    assert "No automation condition" not in tab("often")
    assert "Observed by the clock" not in tab("never")
    assert "No automation condition" in tab("never")
