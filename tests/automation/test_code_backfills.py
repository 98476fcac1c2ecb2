"""A sensor whose conditions are evaluated in the user's code asks for a backfill where many partitions are requested."""

from typing import Any

import pytest

from controlplane.automation.backfills.under_way import under_way
from controlplane.automation.models import Backfill, BackfillPartition
from controlplane.definitions.manifest import PartitionsDefinition
from controlplane.runs.instance_scope import Scope
from controlplane.runs.instance_view import answer_within
from tenants.scoping import org_scope
from tests.automation.ticking import Stage, make_stage, sensor
from tests.cast import Cast
from tests.factories import asset

LETTERS = PartitionsDefinition(kind="static", cls="", keys=["a", "b", "c"])
PARTS = [
    {"asset": ["down"], "partitions": ["c", "a"]},
    {"asset": ["up"], "partitions": ["b"]},
    {"asset": ["whole"], "partitions": None},
]
WANTED = {"tags": {"team": "x"}, "backfill": PARTS}


@pytest.fixture
def stage(cast: Cast) -> Stage:
    stage = make_stage(cast)
    conditions = sensor("mine", sensor_type="AUTOMATION", jobs=[], assets=[["up"], ["down"], ["whole"]])
    assets = [asset("down", "up", partitions="letters"), asset("up", partitions="letters"), asset("whole", "down")]
    stage.deploy(conditions, assets=assets, partitions_definitions={"letters": LETTERS})
    return stage


def backfills(stage: Stage) -> list[Backfill]:
    with org_scope(stage.cast.org_id):
        return list(Backfill.objects.for_org(stage.cast.org_id).order_by("id"))


def get(stage: Stage, path: str) -> Any:
    return stage.cast.signed_in().get(path.format(org=stage.cast.org.slug, deployment=stage.cast.deployment.name))


def test_a_tick_starts_the_backfill_once_and_leads_to_it(stage: Stage) -> None:
    tick = stage.tick("mine", {"requests": [WANTED, {"assets": [["whole"]]}], "cursor": "1"})
    [backfill] = backfills(stage)
    assert (tick.status, tick.requested, stage.row("mine").cursor) == ("SUCCESS", 1, "1")
    assert [run.target_assets for run in stage.runs()] == [["whole"]]
    with org_scope(stage.cast.org_id):
        rows = BackfillPartition.objects.for_org(stage.cast.org_id).filter(backfill_id=backfill.id)
        found = {(row.asset_key, row.partition_key): row.position for row in rows}
        open_ = under_way(Scope(stage.cast.org_id, stage.cast.deployment.id))
        asked = answer_within(lambda: Scope(stage.cast.org_id, stage.cast.deployment.id), "backfills_under_way", {})
    assert found == {("up", "b"): 1, ("down", "a"): 0, ("down", "c"): 2, ("whole", ""): 0}
    assert backfill.assets == ["up", "down", "whole"]
    assert backfill.tags == {"dagster/sensor_name": "mine", "dagster/tick": str(tick.id), "team": "x"}
    assert backfill.actor_label == "Sensor mine"
    assert open_ == {"up": {"b"}, "down": {"a", "c"}, "whole": {""}}
    assert asked[-1] == {"asset": ["whole"], "partitions": []}

    base = "/api/v1/organizations/{org}/deployments/{deployment}/"
    assert get(stage, f"{base}ticks/{tick.id}/").json()["backfills"] == [str(backfill.id)]
    assert str(backfill.id) in get(stage, f"/{{org}}/{{deployment}}/ticks/{tick.id}").content.decode()
    assert f"/ticks/{tick.id}" in get(stage, f"/{{org}}/{{deployment}}/backfills/{backfill.id}").content.decode()


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([{"asset": ["gone"], "partitions": ["a"]}], "No code location defines gone"),
        ([{"asset": ["whole"], "partitions": ["a"]}], "whole has no partitions now"),
        ([{"asset": ["up"], "partitions": None}], "up has partitions now"),
    ],
)
def test_what_cannot_be_backfilled_fails_the_tick_and_starts_nothing(stage: Stage, parts: Any, why: str) -> None:
    tick = stage.tick("mine", {"requests": [{"backfill": parts}, {"assets": [["whole"]]}], "cursor": "1"})
    assert (tick.status, stage.row("mine").cursor) == ("FAILURE", None)
    assert why in tick.reason
    assert (backfills(stage), stage.runs()) == ([], [])


def test_the_question_says_that_backfills_can_be_asked_for(stage: Stage) -> None:
    stage.due("mine")
    stage.fire("mine")
    assert stage.questions()[-1].body["args"]["backfills"] is True
