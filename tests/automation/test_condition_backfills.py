"""Conditions that request many partitions at once: one backfill makes them, stored with the evaluation and started once."""

import dataclasses
import datetime
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from django.db import IntegrityError

from controlplane.automation.models import AssetEvaluation, Backfill, BackfillStatus, ConditionEvaluator
from controlplane.deployments import freezing
from controlplane.evaluator.conditions import evaluating
from controlplane.evaluator.conditions.selective import Evaluation
from controlplane.evaluator.conditions.watching import Watches
from controlplane.runs.states import RunStatus
from tenants.audit.models import AuditEvent
from tenants.models import Role, TargetKind
from tenants.scoping import org_scope
from tests.automation.backfill_world import end, end_all, go, keys_of, partitions, runs
from tests.automation.stage import Stage
from tests.automation.test_evaluating import AC, asset
from tests.cast import Cast
from tests.tenants.people import deny, person

LETTERS = dg.StaticPartitionsDefinition(["a", "b", "c", "d"])


def shop(*sensors: dg.AutomationConditionSensorDefinition) -> dg.Definitions:
    """`up` by letter, `down` after it, and `whole` after that in one piece; `alone` hangs on nothing of it."""
    return dg.Definitions(
        [
            asset("up", partitions_def=LETTERS),
            asset("down", "up", partitions_def=LETTERS, on=AC.eager()),
            asset("whole", "down", on=AC.eager()),
            asset("source"),
            asset("alone", "source", on=AC.eager()),
        ],
        sensors=list(sensors),
    )


@pytest.fixture
def stage(cast: Cast) -> Stage:
    stage = Stage(cast)
    stage.load("shop", shop())
    stage.settle(3)
    return stage


def backfills(stage: Stage) -> list[Backfill]:
    with org_scope(stage.org_id):
        return list(Backfill.objects.for_org(stage.org_id).order_by("id"))


def make(stage: Stage, *keys: str) -> None:
    for key in keys:
        stage.made("up", partition=key)


def test_more_than_one_partition_is_a_backfill_and_one_is_a_run(stage: Stage) -> None:
    make(stage, "c")
    stage.made("source")
    stage.evaluate()
    assert backfills(stage) == []
    assert sorted(stage.requested, key=str) == [(("alone",), None), (("down",), "c")]
    make(stage, "a", "b")
    stage.evaluate()
    [backfill] = backfills(stage)
    assert len(stage.runs) == 2
    assert partitions(backfill) == {("down", "a"): "targeted", ("down", "b"): "targeted"}
    number = stage.evaluator.number
    assert backfill.actor_label == "Automation conditions"
    assert backfill.tags["dagster/asset_evaluation_id"] == str(number)
    assert backfill.tags["dagster/sensor_name"] == "default_automation_condition_sensor"
    [record] = [row for row in stage.history("down") if row.number == number]
    assert (record.backfill_id, record.requested, record.partitions) == (backfill.id, 2, ["a", "b"])
    with org_scope(stage.org_id):
        entry = AuditEvent.objects.for_org(stage.org_id).get(action="backfill.launch")
    assert entry.actor_label == "Automation conditions"
    ended = end_all(backfill)
    assert ended.status == BackfillStatus.COMPLETED_SUCCESS
    assert sorted(str(run.partition_key) for run in runs(backfill)) == ["a", "b"]
    assert {run.tags["dagster/from_automation_condition"] for run in runs(backfill)} == {"true"}


def test_partitions_of_two_dimensions_are_requested_by_their_keys(cast: Cast) -> None:
    """Keys that dagster made itself, and not we, are of a class of their own."""
    grid = dg.MultiPartitionsDefinition({"letter": LETTERS, "size": dg.StaticPartitionsDefinition(["s"])})
    stage = Stage(cast)
    wanted = AC.missing() & ~AC.in_progress()
    stage.load("shop", dg.Definitions([asset("grid", partitions_def=grid, on=wanted)]))
    stage.evaluate()
    [backfill] = backfills(stage)
    keys = [f"{letter}|s" for letter in LETTERS.get_partition_keys()]
    assert partitions(backfill) == dict.fromkeys((("grid", key) for key in keys), "targeted")


def test_what_a_backfill_is_to_make_is_in_progress_until_it_is_over(stage: Stage) -> None:
    make(stage, "a", "b")
    stage.settle(2)
    # Before any run of it is launched, and after.
    make(stage, "a", "b")
    stage.settle(2)
    [backfill] = backfills(stage)
    go(backfill)
    make(stage, "a", "b")
    stage.settle(2)
    assert len(backfills(stage)) == 1
    assert len(stage.runs) == 2
    for run in runs(backfill):
        end(run, RunStatus.FAILURE)
    assert go(backfill).status == BackfillStatus.COMPLETED_FAILED
    make(stage, "a", "b")
    stage.settle(2)
    assert len(backfills(stage)) == 2


def test_a_backfill_of_a_single_run_takes_what_hangs_on_it_along(cast: Cast) -> None:
    """And the tag of the sensor's runs that is a priority is the backfill's."""
    stage, policy = Stage(cast), dg.BackfillPolicy.single_run()
    definitions = dg.Definitions(
        [
            asset("up", partitions_def=LETTERS),
            asset("down", "up", partitions_def=LETTERS, on=AC.eager(), backfill_policy=policy),
            asset("after", "down", partitions_def=LETTERS, on=AC.eager(), backfill_policy=policy),
        ],
        sensors=[dg.AutomationConditionSensorDefinition("mine", target="*", run_tags={"dagster/priority": "7"})],
    )
    stage.load("shop", definitions)
    stage.settle(3)
    make(stage, "a", "b", "c")
    stage.evaluate()
    [backfill] = backfills(stage)
    assert backfill.assets == ["down", "after"]
    assert backfill.priority == 7
    go(backfill)
    [run] = runs(backfill)
    assert (sorted(run.target_assets), keys_of(run), run.priority) == (["after", "down"], ["a", "b", "c"], 7)


def test_a_sensor_may_want_runs(cast: Cast) -> None:
    stage = Stage(cast)
    stage.load("shop", shop(dg.AutomationConditionSensorDefinition("runs", target="*", emit_backfills=False)))
    stage.settle(3)
    make(stage, "a", "c")
    stage.evaluate()
    assert backfills(stage) == []
    assert sorted(stage.requested) == [(("down",), "a"), (("down",), "c")]
    assert {row.backfill_id for row in stage.history("down")} == {None}


def test_it_is_stored_with_the_evaluation_or_not_at_all(stage: Stage) -> None:
    make(stage, "a", "b")
    before = stage.evaluator.number
    begun = evaluating._begin(stage.org_id, stage.deployment_id)
    assert begun is not None
    graph = evaluating.graphs.deployment_graph(stage.org_id, begun[-1])
    found = evaluating._find(stage.org_id, stage.deployment_id, begun, graph)
    # What is written after the backfill cannot be.
    with pytest.raises(IntegrityError):
        evaluating._store(stage.org_id, stage.deployment_id, dataclasses.replace(found, now=None), 0.0)
    assert (backfills(stage), stage.evaluator.number) == ([], before)
    # Two that found the same: the second is too late, and starts none.
    for _ in range(2):
        evaluating._store(stage.org_id, stage.deployment_id, found, 0.0)
    assert len(backfills(stage)) == 1
    with org_scope(stage.org_id):
        assert AssetEvaluation.objects.for_org(stage.org_id).filter(requested__gt=0).count() == 1
    freezing.freeze(org_id=stage.org_id, deployment_id=stage.deployment_id, actor=stage.cast.actor, reason="audit")
    [backfill] = backfills(stage)
    assert "frozen" in go(backfill).waiting
    assert runs(backfill) == []
    freezing.thaw(org_id=stage.org_id, deployment_id=stage.deployment_id, actor=stage.cast.actor)
    go(backfill)
    assert len(runs(backfill)) == 2


def test_a_pause_that_comes_before_it_is_stored_wins(stage: Stage) -> None:
    make(stage, "a", "b")
    begun = evaluating._begin(stage.org_id, stage.deployment_id)
    assert begun is not None
    graph = evaluating.graphs.deployment_graph(stage.org_id, begun[-1])
    found = evaluating._find(stage.org_id, stage.deployment_id, begun, graph)
    assert len(found.evaluated[0][1].backfills) == 1
    rows = ConditionEvaluator.objects
    with org_scope(stage.org_id):
        rows.for_org(stage.org_id).update(is_paused=True)
    evaluating._store(stage.org_id, stage.deployment_id, found, 0.0)
    assert backfills(stage) == []
    with org_scope(stage.org_id):
        rows.for_org(stage.org_id).update(is_paused=False, lease_until=None)
    stage.evaluate()
    assert len(backfills(stage)) == 1


def test_each_says_where_the_other_is_to_who_sees_both(stage: Stage) -> None:
    make(stage, "a", "b")
    stage.made("source")
    stage.evaluate()
    [backfill] = backfills(stage)
    base = f"/{stage.cast.org.slug}/{stage.cast.deployment.name}/"
    browser = stage.cast.signed_in()
    tab = browser.get(base + "assets/down?tab=automation&only=requested").content.decode()
    assert f"backfills/{backfill.id}" in tab
    number = stage.evaluator.number
    assert f'id="evaluation-{number}"' in tab
    page = browser.get(f"{base}backfills/{backfill.id}").content.decode()
    assert f"assets/down?tab=automation&amp;only=requested#evaluation-{number}" in page
    assert "what automation conditions requested" in page
    api = f"/api/v1/organizations{base.replace('/' + stage.cast.deployment.name, '/deployments/' + stage.cast.deployment.name)}"

    def told(client: object) -> list[str | None]:
        found = client.get(api + "asset-evaluations/?asset=down").json()["results"]  # type: ignore[attr-defined]  # a test client
        return [one["backfill_id"] for one in found if one["requested"]]

    assert told(stage.cast.api()) == [str(backfill.id)]
    with org_scope(stage.org_id):
        Backfill.objects.for_org(stage.org_id).update(assets=["down", "source"])
    partly = person(stage.cast, Role.EDITOR)
    deny(stage.cast, partly, target=TargetKind.SELECTION, target_value="key:source")
    assert told(stage.cast.api(partly)) == [None]


def test_more_than_a_backfill_makes_is_an_error_of_those_who_ask_for_it() -> None:
    missing = AC.missing() & ~AC.any_deps_missing()
    shop = [
        asset("many", partitions_def=LETTERS, on=missing),
        asset("after", "many", partitions_def=LETTERS, on=AC.any_deps_match(AC.will_be_requested())),
        asset("alone", on=missing),
    ]
    graph: BaseAssetGraph[Any] = dg.Definitions(shop).resolve_asset_graph()
    with dg.DagsterInstance.ephemeral() as instance:
        evaluation = Evaluation(
            instance=instance,
            graph=graph,
            watches=Watches(graph),
            eligible=frozenset(graph.materializable_asset_keys),
            number=1,
            now=datetime.datetime.now(datetime.UTC),
            cursors=lambda keys: {},
            emit_backfills=True,
            targets_max=7,
        )
        found = evaluation.of(evaluation.eligible)
        all_of_it = dataclasses.replace(evaluation, targets_max=8).of(evaluation.eligible)
    many, after, alone = (dg.AssetKey(name) for name in ("many", "after", "alone"))
    assert "8 partitions of 2 assets" in str(found.errors[many])
    assert (found.errors.keys(), found.outcomes.keys(), found.requested) == ({many, after}, {alone}, {alone})
    assert (found.backfills, [one.asset_selection for one in found.requests]) == ([], [[alone]])
    assert [set(one.keys) for one in all_of_it.backfills] == [{"many", "after"}]
