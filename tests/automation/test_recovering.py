"""Nothing that conditions, ticks and backfills stand for is lost or made twice when something fails, freezes or takes long."""

from pathlib import Path

import dagster as dg
import pytest
from django.test import override_settings

from controlplane.automation.conditions import launching, services
from controlplane.automation.models import Backfill, RequestedRun
from controlplane.automation.ticks import launching as of_ticks
from controlplane.catalog import changes
from controlplane.catalog.models import AssetChange
from controlplane.deployments import freezing
from controlplane.evaluator import graph as graphs
from controlplane.evaluator.conditions import evaluating
from tenants.models import Organization
from tenants.scoping import org_scope
from tests.automation import backfill_world, ticking
from tests.automation.looking import look_at_definitions
from tests.automation.stage import Stage
from tests.cast import Cast

AC = dg.AutomationCondition


def asset(name: str, *deps: str, on: dg.AutomationCondition | None = None) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=list(deps), automation_condition=on)
    def made() -> None: ...

    return made


@pytest.fixture
def stage(cast: Cast) -> Stage:
    stage = Stage(cast)
    stage.load("shop", dg.Definitions([asset("up"), asset("down", "up", on=AC.eager())]))
    stage.settle()
    return stage


def away(folder: Path) -> override_settings:
    """The object store is, while this lasts."""
    file = folder / "no-folder"
    file.touch()
    return override_settings(OBJECT_STORE_URL=file.as_uri())


def test_an_object_store_that_is_away_switches_no_condition_off(stage: Stage, tmp_path: Path) -> None:
    graphs._graphs.clear()
    stage.load("other", dg.Definitions([asset("beside")]))
    stage.made("up")
    with away(tmp_path):
        assert stage.evaluate() == 0
    assert "object store" in stage.evaluator.error["evaluation"]
    assert "down" in stage.states()
    assert stage.evaluate() == 1


def test_definitions_that_are_missing_for_a_while_are_not_forgotten(stage: Stage, tmp_path: Path) -> None:
    graphs._graphs.clear()
    stage.load("other", dg.Definitions([asset("beside")]))
    with override_settings(OBJECT_STORE_URL=(tmp_path / "empty").as_uri()):
        stage.evaluate()
    assert "not stored" in stage.evaluator.error["locations"]["shop"]
    assert "down" in stage.states()
    stage.made("up")
    assert stage.evaluate() == 1


def begun_and_stored(stage: Stage) -> None:
    """An evaluation whose process ended before it launched what it had stored."""
    begun = evaluating._begin(stage.org_id, stage.deployment_id)
    assert begun is not None
    graph = graphs.deployment_graph(stage.org_id, begun[-1])
    found = evaluating._find(stage.org_id, stage.deployment_id, begun, graph)
    assert len(evaluating._store(stage.org_id, stage.deployment_id, found, 0.0)) == 1


def test_the_next_evaluation_launches_what_the_last_one_left_and_asks_for_it_no_second_time(stage: Stage) -> None:
    stage.made("up")
    begun_and_stored(stage)
    assert stage.evaluator.lease_until is not None
    stage.settle(3)
    assert stage.requested == [(("down",), None)]
    assert stage.evaluator.lease_until is None


def test_what_conditions_requested_waits_for_the_end_of_a_freeze(stage: Stage) -> None:
    given = {"org_id": stage.org_id, "deployment_id": stage.deployment_id, "actor": stage.cast.actor}
    stage.made("up")
    begun_and_stored(stage)
    with org_scope(stage.org_id):
        RequestedRun.objects.for_org(stage.org_id).update(created_at="2026-01-01T00:00Z")
    freezing.freeze(**given, reason="audit")
    # What other tests left is launched along: only what is ours counts.
    launching.launch_waiting()
    assert stage.runs == []
    freezing.thaw(**given)
    launching.launch_waiting()
    assert len(stage.runs) == 1


def test_definitions_that_come_while_they_are_read_are_evaluated_next(stage: Stage) -> None:
    stage.load("other", dg.Definitions([asset("beside", on=AC.newly_updated())]))
    stage.settle()
    begun = evaluating._begin(stage.org_id, stage.deployment_id)
    assert begun is not None
    stage.load("other", dg.Definitions([asset("beside", on=AC.missing())]))
    found = evaluating._find(stage.org_id, stage.deployment_id, begun, graphs.deployment_graph(stage.org_id, begun[-1]))
    evaluating._store(stage.org_id, stage.deployment_id, found, 0.0)
    assert stage.requested == []
    stage.evaluate()
    assert stage.requested == [(("beside",), None)]


def test_more_changes_than_are_read_one_by_one_are_forgotten_and_all_is_evaluated(stage: Stage) -> None:
    given = {"org_id": stage.org_id, "deployment_id": stage.deployment_id, "actor": stage.cast.actor}
    services.pause(**given)
    stage.made("up")
    with org_scope(stage.org_id):
        row = AssetChange.objects.for_org(stage.org_id).filter(deployment_id=stage.deployment_id).first()
        assert row is not None
        place = {"org_id": stage.org_id, "deployment_id": stage.deployment_id, "consumer": row.consumer}
        many = (AssetChange(**place, asset_key="up") for _ in range(changes.CHANGES_MAX))
        AssetChange.unscoped.bulk_create(many, batch_size=5000)
    look_at_definitions()
    with org_scope(stage.org_id):
        assert not AssetChange.objects.for_org(stage.org_id).filter(deployment_id=stage.deployment_id).exists()
    stage.made("up")
    services.resume(**given)
    assert stage.evaluate() == 1


def test_what_a_tick_asked_for_waits_for_the_end_of_a_freeze_or_of_a_suspension(cast: Cast) -> None:
    sensor = ticking.make_stage(cast, ticking.sensor("files"))
    given = {"org_id": cast.org_id, "deployment_id": cast.deployment.id, "actor": cast.actor}
    sensor.due("files")
    sensor.fire("files")
    freezing.freeze(**given, reason="audit")
    sensor.answer(sensor.questions()[-1], {"requests": [{"run_key": "a"}], "cursor": "17"})
    [tick] = sensor.ticks("files")
    assert (sensor.requested(), sensor.row("files").cursor) == (["pending"], "17")

    freezing.thaw(**given)
    Organization.objects.filter(id=cast.org_id).update(state="read_only")
    of_ticks.launch_of_tick(org_id=cast.org_id, tick_id=tick.id)
    assert sensor.requested() == ["pending"]
    Organization.objects.filter(id=cast.org_id).update(state="active")
    of_ticks.launch_of_tick(org_id=cast.org_id, tick_id=tick.id)
    assert (sensor.requested(), len(sensor.runs())) == (["launched"], 1)


def test_a_backfill_without_anything_left_to_plan_is_not_planned(cast: Cast) -> None:
    backfill_world.serve(cast, dg.Definitions([asset("up")]))
    backfill = backfill_world.go(backfill_world.launch(cast, "up"))
    with org_scope(cast.org_id):
        Backfill.objects.for_org(cast.org_id).filter(id=backfill.id).update(needs_plan=True)
    after = backfill_world.go(backfill)
    assert (after.needs_plan, after.plan_number) == (False, backfill.plan_number)
