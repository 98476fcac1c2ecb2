"""Which part of a deployment each kind of target covers, and what may be done there."""

import pytest

from controlplane.definitions.manifest import Manifest
from controlplane.deployments import parts
from controlplane.deployments.visibility import Visible, all_of
from controlplane.insights.selectors import costliest_assets, daily_cost, deployment_cost
from controlplane.runs.launching import permitted
from controlplane.runs.models import Run
from controlplane.runs.requests import RunRequest
from controlplane.runs.selectors import RunFilter, count_runs, runs
from controlplane.runs.visible_runs import covered_runs
from tenants.errors import ForbiddenError, InvalidError, NotFoundError
from tenants.grants import Rights, Target
from tenants.models import Role, TargetKind
from tenants.permissions import ROLE_PERMISSIONS, Permission
from tests.factories import asset, make_location, make_manifest
from tests.runs.scripts import Stage, make_stage

VIEWER, LAUNCHER, EDITOR = (ROLE_PERMISSIONS[role] for role in (Role.VIEWER, Role.LAUNCHER, Role.EDITOR))
LOCATION, GROUP, TAG, SELECTION, OWNED = (Target(kind, value) for kind, value in (
    (TargetKind.LOCATION, "lab"),
    (TargetKind.GROUP, "raw"),
    (TargetKind.TAG, "pii"),
    (TargetKind.SELECTION, "key:daily+"),
    (TargetKind.OWNED, ""),
))  # fmt: skip
COVERED = {
    LOCATION: {"model", "outside"},
    GROUP: {"raw"},
    TAG: {"raw", "daily"},
    Target(TargetKind.TAG, "pii=high"): {"daily"},
    Target(TargetKind.TAG, "pii=low"): set(),
    SELECTION: {"daily", "report", "model"},
    Target(TargetKind.SELECTION, "group:"): set(),
    OWNED: {"report"},
}
ALL = {"raw", "daily", "report", "model", "outside", "shared"}


def shop() -> Manifest:
    return make_manifest([
        asset("raw", group="raw", tags={"pii": ""}),
        asset("daily", "raw", tags={"pii": "high"}),
        asset("report", "daily", owners=["Ada@example.com"]),
        asset("shared"),
    ])  # fmt: skip


@pytest.fixture
def stage() -> Stage:
    stage = make_stage(shop())
    lab = make_manifest(
        [
            asset("model", "daily"),
            asset("shared", is_executable=False, is_external=True),
            asset("outside", is_executable=False),
        ],
        location="lab",
    )
    make_location(stage.cast, "lab", manifest=lab, agents=[stage.agent])
    return stage


def seen(stage: Stage, **rights) -> Visible:
    given = Rights(owner_names=frozenset({"ada@example.com"}), **rights)
    return Visible(stage.org_id, stage.cast.deployment.id, given)


@pytest.mark.parametrize("target", COVERED)
def test_grant_covers_its_target(stage, target):
    visible = seen(stage, on_parts=((target, VIEWER),))

    assert visible.part(Permission.ASSET_READ).assets == COVERED[target]
    assert set(visible.definitions(Permission.ASSET_READ).graph.nodes) == COVERED[target]


@pytest.mark.parametrize("target", COVERED)
def test_denial_hides_its_target(stage, target):
    hidden = ALL if target.value == "group:" else COVERED[target]
    visible = seen(stage, everywhere=EDITOR, hidden=(target,))

    assert visible.part(Permission.ASSET_READ).assets == ALL - hidden
    assert set(visible.definitions(Permission.ASSET_READ).graph.nodes) == ALL - hidden


def test_denial_wins_over_a_grant(stage):
    visible = seen(stage, on_parts=((LOCATION, EDITOR), (TAG, EDITOR)), hidden=(GROUP, LOCATION))

    assert visible.part(Permission.ASSET_READ).assets == {"daily"}
    assert [row.name for row in visible.code_locations()] == ["shop"]


def test_what_is_left_says_nothing_of_what_is_not(stage):
    cut = seen(stage, everywhere=VIEWER, hidden=(Target(TargetKind.SELECTION, "key:daily"),)).definitions(
        Permission.ASSET_READ
    )

    assert cut.graph.nodes["report"].upstream == ()
    assert cut.graph.downstream["raw"] == ()
    assert cut.job("shop", "nightly").assets == [["raw"], ["report"], ["shared"]]
    assert cut.location("shop").manifest.checks == []


def test_rights_everywhere_cost_nothing(stage):
    visible, whole = seen(stage, everywhere=EDITOR), all_of(stage.org_id, stage.cast.deployment.id)

    assert visible.part(Permission.ASSET_READ) is parts.EVERYTHING
    assert visible.definitions(Permission.ASSET_READ) is visible.whole
    assert str(runs_query(visible)) == str(runs_query(whole))
    assert "whole" not in vars(seen_without_reading(stage))


def runs_query(visible: Visible):
    return covered_runs(visible, Permission.RUN_READ, Run.objects.for_org(visible.org_id)).query


def seen_without_reading(stage: Stage) -> Visible:
    """After questions that rights everywhere answer by themselves."""
    visible = seen(stage, everywhere=EDITOR)
    visible.require(Permission.RUN_LAUNCH, location="shop", assets=["raw"])
    permitted(visible, RunRequest(job="nightly"))
    return visible


def test_parts_are_resolved_once(stage):
    first, again = (seen(stage, everywhere=VIEWER, hidden=(TAG,)) for _ in range(2))

    assert first.part(Permission.ASSET_READ) is again.part(Permission.RUN_READ)
    assert first.definitions(Permission.ASSET_READ).graph is again.definitions(Permission.ASSET_READ).graph


def test_grant_on_a_part_raises_rights_there(stage):
    visible = seen(stage, everywhere=VIEWER, on_parts=((TAG, LAUNCHER), (LOCATION, EDITOR)))

    assert visible.permits(Permission.RUN_LAUNCH, assets=["raw", "daily"])
    assert not visible.permits(Permission.RUN_LAUNCH, assets=["raw", "report"])
    assert visible.permits(Permission.LOCATION_WRITE, location="lab")
    assert not visible.permits(Permission.LOCATION_WRITE, location="shop")
    with pytest.raises(ForbiddenError, match="run:launch on the asset report"):
        visible.require(Permission.RUN_LAUNCH, assets=["raw", "report"])
    with pytest.raises(ForbiddenError, match="code_location:write on the code location shop"):
        visible.require(Permission.LOCATION_WRITE, location="shop")


def test_what_is_hidden_is_refused_as_unknown(stage):
    visible = seen(stage, everywhere=EDITOR, hidden=(LOCATION, GROUP))

    with pytest.raises(NotFoundError, match="no code location lab"):
        visible.require(Permission.LOCATION_WRITE, location="lab")
    with pytest.raises(NotFoundError, match="no code location lab"):
        visible.location("lab")
    with pytest.raises(InvalidError, match="does not contain raw"):
        permitted(visible, RunRequest(location="shop", job="nightly", assets=["raw"]))
    with pytest.raises(NotFoundError):
        permitted(visible, RunRequest(assets=["raw"]))


def test_a_job_is_launched_as_far_as_it_shows(stage):
    visible = seen(stage, everywhere=EDITOR, hidden=(GROUP,))

    asked = permitted(visible, RunRequest(location="shop", job="nightly"))

    assert asked.assets == ["daily", "report", "shared"]


def test_what_is_computed_together_is_launched_together_or_not_at_all(stage):
    both = [asset("one", execution_set="s"), asset("two", execution_set="s")]
    make_location(stage.cast, "pair", manifest=make_manifest(both, location="pair"), agents=[stage.agent])
    visible = seen(stage, everywhere=EDITOR, hidden=(Target(TargetKind.SELECTION, "key:two"),))

    with pytest.raises(ForbiddenError, match="computed together"):
        permitted(visible, RunRequest(assets=["one"]))


def test_a_run_with_a_hidden_asset_is_hidden_whole(stage):
    only, both, other = (stage.request(assets=keys).id for keys in (["report"], ["raw", "report"], ["raw"]))
    elsewhere = stage.request(assets=["model"]).id
    everyone = (elsewhere, other, both, only)

    def listed(**rights) -> tuple:
        visible = seen(stage, **rights)
        found = tuple(run.id for run in runs(visible).runs)
        assert count_runs(visible, RunFilter()) == len(found)
        return found

    assert listed(everywhere=VIEWER) == everyone
    assert listed(everywhere=VIEWER, hidden=(GROUP,)) == (elsewhere, only)
    assert listed(everywhere=VIEWER, hidden=(LOCATION,)) == (other, both, only)
    assert listed(on_parts=((OWNED, VIEWER),)) == (only,)
    assert listed(on_parts=((LOCATION, VIEWER),)) == (elsewhere,)
    assert listed(on_parts=((GROUP, VIEWER), (OWNED, VIEWER))) == (other, both, only)
    assert listed(on_parts=((GROUP, frozenset({Permission.ASSET_READ})),)) == ()
    assert listed() == ()


def test_cost_is_that_of_what_is_seen(stage):
    attempt = stage.claimed(assets=["raw", "daily"])
    attempt.start("raw", "daily")
    attempt.step("raw")
    attempt.step("daily")
    other = stage.claimed(assets=["model"])
    other.start("model")
    other.step("model")

    def figures(**rights) -> tuple[int, float, list[str]]:
        visible = seen(stage, **rights)
        cost = deployment_cost(visible)
        assert sum(share.cost_micros for share in daily_cost(visible)) == cost.cost_micros
        return cost.runs, cost.cpu_seconds, sorted(share.name for share in costliest_assets(visible))

    assert figures(everywhere=VIEWER) == (2, 3.0, ["daily", "model", "raw"])
    assert figures(everywhere=VIEWER, hidden=(LOCATION,)) == (1, 2.0, ["daily", "raw"])
    assert figures(everywhere=VIEWER, hidden=(GROUP,)) == (2, 2.0, ["daily", "model"])
    assert figures(on_parts=((LOCATION, VIEWER),)) == (1, 1.0, ["model"])
    assert figures(on_parts=((GROUP, VIEWER),)) == (1, 1.0, ["raw"])
    assert figures() == (0, 0.0, [])


def test_assets_that_no_code_defines_any_more_are_for_those_who_see_all(stage):
    made = stage.request(assets=["raw"]).id
    make_location(stage.cast, manifest=make_manifest([asset("new")]), agents=[stage.agent])

    def sees(**rights) -> bool:
        return made in [run.id for run in runs(seen(stage, **rights)).runs]

    assert sees(everywhere=VIEWER)
    assert sees(everywhere=VIEWER, hidden=(LOCATION,))
    assert not sees(everywhere=VIEWER, hidden=(GROUP,))
