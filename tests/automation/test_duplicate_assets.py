"""Two code locations that make the same asset: the one that was added first has it, everywhere, and everybody is told."""

import dagster as dg
import pytest
from typer.testing import CliRunner

from controlplane.cli.main import app
from controlplane.deployments import selectors, services
from controlplane.evaluator.graph import deployment_graph, serving_snapshots
from controlplane.runs.requests import RunRequest
from controlplane.runs.targets import location_of
from tenants.scoping import org_scope
from tests.automation.stage import Stage
from tests.cast import Cast
from tests.ui.server import serving

EAGER = dg.AutomationCondition.eager()


def definitions(upstream: str, *, group: str, on: dg.AutomationCondition | None = None) -> dg.Definitions:
    """`made` of one upstream, with a check, `mine` of `made`, and the source `seen`, as every location has it."""

    @dg.asset(name=upstream)
    def source() -> None: ...

    @dg.asset(name="made", deps=[upstream], group_name=group, automation_condition=on)
    def made() -> None: ...

    @dg.asset(name=f"of_{group}", deps=["made"])
    def mine() -> None: ...

    @dg.asset_check(asset="made", name="good")
    def good() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    return dg.Definitions([source, made, mine, dg.AssetSpec("seen")], asset_checks=[good])


@pytest.fixture
def stage(cast: Cast) -> Stage:
    """`zebra` was added before `ant`."""
    stage = Stage(cast)
    stage.load("zebra", definitions("one", group="zebra", on=EAGER))
    stage.load("ant", definitions("two", group="ant", on=EAGER))
    stage.settle()
    return stage


def test_conditions_runs_and_checks_go_by_the_first(stage: Stage) -> None:
    stage.made("two")
    stage.settle()
    assert stage.requested == [], "it is no upstream of the definition that counts"
    stage.made("one")
    stage.settle()
    [run] = stage.runs
    assert (run.location_name, run.asset_selection) == ("zebra", ["made"])

    found = selectors.definitions(stage.org_id, stage.deployment_id)
    assert location_of(found, RunRequest(assets=["made"])).location.name == "zebra"
    assert location_of(found, RunRequest(checks=["made:good"])).location.name == "zebra"
    assert len(found.checks_by_asset["made"]) == 1
    with org_scope(stage.org_id):
        graph = deployment_graph(stage.org_id, serving_snapshots(stage.org_id, stage.deployment_id)).asset_graph
    made, check = dg.AssetKey("made"), dg.AssetCheckKey(dg.AssetKey("made"), "good")
    assert graph.get_repository_handle(made).location_name == "zebra"
    assert graph.get_repository_handle(check).location_name == "zebra"
    assert graph.get(made).parent_keys == {dg.AssetKey("one")}
    assert graph.get(made).child_keys == {dg.AssetKey("of_zebra"), dg.AssetKey("of_ant")}
    assert graph.get(dg.AssetKey("two")).child_keys == set()


def test_another_deploy_of_either_changes_nothing_and_the_end_of_the_first_hands_it_on(stage: Stage) -> None:
    def owner() -> str:
        return selectors.definitions(stage.org_id, stage.deployment_id).asset("made").location

    stage.load("zebra", definitions("one", group="later", on=EAGER))
    assert owner() == "zebra"
    stage.load("ant", definitions("three", group="ant", on=EAGER))
    assert owner() == "zebra"
    services.delete_location(
        org_id=stage.org_id, deployment_id=stage.deployment_id, name="zebra", actor=stage.cast.actor
    )
    assert owner() == "ant"
    stage.settle()
    stage.made("three")
    stage.settle()
    assert [run.location_name for run in stage.runs] == ["ant"]
    stage.load("zebra", definitions("one", group="zebra", on=EAGER))
    assert owner() == "ant", "it comes last when it comes back"


def test_everybody_is_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    cast = stage.cast
    api, browser = cast.api(), cast.signed_in()

    asset = api.get(cast.api_path("assets/made/")).json()
    assert (asset["location"], asset["also_defined_in"]) == ("zebra", ["ant"])
    assert api.get(cast.api_path("assets/seen/")).json()["also_defined_in"] == []
    told = [{"asset": "made", "location": "zebra", "also_defined_in": ["ant"]}]
    locations = api.get(cast.api_path("code-locations/")).json()["results"]
    assert {one["name"]: one["duplicate_assets"] for one in locations} == {"ant": told, "zebra": told}

    pages = {
        name: browser.get(f"/{cast.org.slug}/prod/{name}").content.decode()
        for name in ("code-locations", "code-locations/ant", "assets/made", "assets/seen", "assets")
    }
    assert "defined by more than one code location" in pages["code-locations"]
    assert "defined by more than one code location" in pages["code-locations/ant"]
    assert "is the one shown and automated" in pages["assets/made"]
    assert "shown and automated" not in pages["assets/seen"]
    assert pages["assets"].count("also defined in ant") == 1

    with serving() as address:
        given = {"URL": address, "TOKEN": cast.user_token.text, "ORGANIZATION": cast.org.slug, "DEPLOYMENT": "prod"}
        for name, value in given.items():
            monkeypatch.setenv(f"DAGGERBOARD_{name}", value)
        said = CliRunner().invoke(app, ["deploy", "ant", "-m", "ant", "--local", "--no-wait"])
    words = " ".join(said.stderr.split())
    assert "Asset made is also defined by zebra; zebra is the one shown and automated." in words


def test_who_may_not_see_the_other_location_is_not_told_of_it(stage: Stage) -> None:
    from controlplane.deployments.visibility import Visible
    from tenants.grants import Rights, Target
    from tenants.models import TargetKind
    from tenants.permissions import OF_DEPLOYMENTS

    hidden = (Target(TargetKind.LOCATION, "ant"),)
    visible = Visible(stage.org_id, stage.deployment_id, Rights(everywhere=OF_DEPLOYMENTS, hidden=hidden))
    assert visible.duplicates() == []
