"""What people and programs read of conditions: REST, the asset's tab, and nothing about assets that they do not see."""

import re
from typing import Any

import dagster as dg
import pytest

from controlplane.automation.conditions.shown import HIDDEN, shown_tree
from controlplane.automation.models import ConditionEvaluator, Instigator, RequestedRun
from tenants.ids import uuid7
from tenants.models import Role, TargetKind
from tenants.scoping import org_scope
from tests.automation.stage import Stage
from tests.automation.test_evaluating import AC, asset
from tests.cast import Cast, make_cast
from tests.tenants.people import deny, person


@pytest.fixture(scope="module")
def stage() -> Stage:
    """`down` was requested for `up`; `bad` fails."""
    stage = Stage(make_cast("shown"))
    berlin = dg.DailyPartitionsDefinition("2026-11-10", timezone="Europe/Berlin")
    utc = dg.DailyPartitionsDefinition("2026-11-10")
    assets = [
        asset("up"),
        asset("down", "up", on=AC.eager()),
        asset("day", partitions_def=berlin),
        asset("bad", "day", partitions_def=utc, on=AC.eager()),
    ]
    stage.load("shop", dg.Definitions(assets))
    stage.settle(3)
    stage.made("up")
    stage.settle(3)
    return stage


def path(stage: Stage) -> str:
    return f"/api/v1/organizations/{stage.cast.org.slug}/deployments/{stage.cast.deployment.name}/"


def test_evaluations_over_rest(stage: Stage) -> None:
    api = stage.cast.api()
    found = api.get(path(stage) + "asset-evaluations/?asset=down").json()["results"]
    [requested] = [one for one in found if one["requested"]]
    assert requested["tree"]["status"] == "TRUE"
    assert requested["runs"][0]["run_id"] == str(stage.runs[0].id)
    assert stage.runs[0].tags["dagster/asset_evaluation_id"] == str(requested["evaluation_id"])
    [failed] = api.get(path(stage) + "asset-evaluations/?asset=bad").json()["results"]
    assert "Timezones" in failed["error"]["message"]
    assert api.get(path(stage) + "asset-evaluations/?asset=nope").status_code == 404


def test_pausing_over_rest(stage: Stage) -> None:
    api = stage.cast.api()
    assert api.get(path(stage) + "automation/").json()["is_running"] is True
    assert api.post(path(stage) + "automation/pause/").json()["is_paused"] is True
    page = stage.cast.signed_in().get(tab(stage, "down")).content.decode()
    assert "are paused by" in page
    assert api.delete(path(stage) + "automation/pause/").json()["is_paused"] is False
    assert stage.cast.api(stage.cast.viewer).post(path(stage) + "automation/pause/").status_code == 403


def test_pausing_on_the_page(stage: Stage) -> None:
    page = f"/{stage.cast.org.slug}/{stage.cast.deployment.name}/automation"
    browser, viewer = stage.cast.signed_in(), stage.cast.signed_in(stage.cast.viewer)
    assert "Pause conditions" in browser.get(page).content.decode()
    assert "Pause conditions" not in viewer.get(page).content.decode()
    assert browser.post(page + "/conditions", {"do": "pause"}).status_code == 302
    assert stage.evaluator.is_paused
    assert "Resume conditions" in browser.get(tab(stage, "down")).content.decode()
    assert "are paused by" in viewer.get(page).content.decode()
    assert viewer.post(page + "/conditions", {"do": "resume"}).status_code == 403
    browser.post(page + "/conditions", {"do": "resume"})
    assert not stage.evaluator.is_paused


def tab(stage: Stage, key: str, query: str = "") -> str:
    return f"/{stage.cast.org.slug}/{stage.cast.deployment.name}/assets/{key}?tab=automation{query}"


def test_the_tab_shows_condition_evaluations_and_runs(stage: Stage) -> None:
    browser = stage.cast.signed_in()
    page = browser.get(tab(stage, "down")).content.decode()
    assert "eager" in page
    assert "any_deps_updated" in page
    only = browser.get(tab(stage, "down", "&only=requested")).content.decode()
    assert only.count('id="evaluation-') == 1
    assert str(stage.runs[0].id) in only
    assert "could not be evaluated" in browser.get(tab(stage, "bad")).content.decode()
    assert "No automation condition" in browser.get(tab(stage, "up")).content.decode()


def test_the_page_of_the_sensor_shows_what_it_evaluates_and_what_came_of_it(stage: Stage) -> None:
    with org_scope(stage.org_id):
        row = Instigator.objects.for_org(stage.org_id).get(deployment_id=stage.deployment_id)
    address = f"/{stage.cast.org.slug}/{stage.cast.deployment.name}/automation/{row.id}"
    page = stage.cast.signed_in().get(address).content.decode()

    listed, _, requested = page.partition('id="requested-runs"')
    listed = listed.partition('id="condition-list"')[2]
    assert re.findall(r'title="([^"]*)">(?:bad|down|up|day)<', listed) == ["bad", "down"]
    assert listed.count("?tab=automation") == 2
    assert ('data-status="failed"' in listed, ">Requested<" in listed or ">Not requested<" in listed) == (True, True)
    assert str(stage.runs[0].id) in requested
    assert "it has looked at every change" in page
    assert 'role="switch"' in page
    partly = person(stage.cast, Role.EDITOR)
    deny(stage.cast, partly, target=TargetKind.SELECTION, target_value="key:down")
    cut = stage.cast.signed_in(partly).get(address).content.decode()
    assert (">bad<" in cut, ">down<" in cut) == (True, False)


def test_hidden_assets_have_no_names_in_a_tree(stage: Stage) -> None:
    tree: Any = next(row.tree for row in stage.history("down") if row.requested)
    assert '"up"' in repr(tree).replace("'", '"')
    cut = repr(shown_tree(tree, {"down"})).replace("'", '"')
    assert '"up"' not in cut
    assert HIDDEN in cut
    assert shown_tree(tree, {"down", "up"}) == tree


def test_who_does_not_see_all_reads_no_reasons_runs_or_other_names(stage: Stage) -> None:
    partly = person(stage.cast, Role.EDITOR)
    deny(stage.cast, partly, target=TargetKind.SELECTION, target_value="key:up")
    with org_scope(stage.org_id):
        rows = ConditionEvaluator.objects.for_org(stage.org_id).filter(deployment_id=stage.deployment_id)
        rows.update(error={"evaluation": "up is broken", "locations": {"shop": "no asset up"}})
    api, all_ = stage.cast.api(partly), stage.cast.api()
    assert all_.get(path(stage) + "automation/").json()["error"]["locations"] == {"shop": "no asset up"}
    shown = api.get(path(stage) + "automation/").json()
    assert "people who may see all" in shown["error"]["evaluation"]
    assert "locations" not in shown["error"]
    assert "up is broken" not in stage.cast.signed_in(partly).get(tab(stage, "down")).content.decode()
    with org_scope(stage.org_id):
        rows.update(error=None)
    # The run that makes `down` alone is seen, what made `up` is not.
    with org_scope(stage.org_id):
        asked = RequestedRun.objects.for_org(stage.org_id)
        run_id = asked.get(run_id=stage.runs[0].id).run_id
        asked.filter(run_id=run_id).update(run_id=uuid7(), refusal="up is not there")
    [requested] = [
        one for one in api.get(path(stage) + "asset-evaluations/?asset=down").json()["results"] if one["requested"]
    ]
    assert (requested["runs"][0]["run_id"], requested["runs"][0]["refusal"]) == (None, "")
    [failed] = api.get(path(stage) + "asset-evaluations/?asset=bad").json()["results"]
    assert "Timezones" not in str(failed["error"])
    with org_scope(stage.org_id):
        asked.filter(refusal="up is not there").update(run_id=run_id, refusal="")
    assert api.post(path(stage) + "automation/pause/").status_code == 403
    assert "Pause conditions" not in stage.cast.signed_in(partly).get(path_of_page(stage)).content.decode()
    assert all_.get(path(stage) + "asset-evaluations/?asset=down&check=nope").status_code == 404


def path_of_page(stage: Stage) -> str:
    return f"/{stage.cast.org.slug}/{stage.cast.deployment.name}/automation"


def test_an_asset_is_not_taken_for_the_check_of_the_same_name(cast: Cast) -> None:
    """`a:b`, and the check `b` of `a`: each has a history of its own."""
    up = dg.AutomationCondition.any_deps_updated()

    @dg.multi_asset(outs={"out": dg.AssetOut(key=dg.AssetKey(["a:b"]), automation_condition=up)}, deps=["first"])
    def both() -> None: ...

    @dg.asset_check(asset="a", name="b", automation_condition=up)
    def b() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    sources = [dg.AssetSpec("first"), dg.AssetSpec("a")]
    stage = Stage(cast)
    stage.load("shop", dg.Definitions([*sources, both], asset_checks=[b]))
    stage.settle()
    assert stage.states().keys() == {"a\\:b", "a:b"}

    def requested(asset: str, **check: str) -> list[Any]:
        given = {"asset": asset, **check}
        rows = cast.api().get(path(stage) + "asset-evaluations/", given).json()["results"]
        return [run["run_id"] for row in rows for run in row["runs"]]

    stage.made("first")
    stage.settle()
    [of_asset] = stage.runs
    assert (of_asset.asset_selection, requested("a:b")) == (["a:b"], [str(of_asset.id)])
    assert requested("a", check="b") == []
    stage.made("a")
    stage.settle()
    [_of_asset, of_check] = stage.runs
    assert (of_check.check_selection, requested("a", check="b")) == (["a:b"], [str(of_check.id)])
    assert requested("a:b") == [str(of_asset.id)]
    assert "any_deps_updated" in cast.signed_in().get(tab(stage, "a:b")).content.decode()
