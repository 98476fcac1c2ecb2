"""What a branch changes, over REST: the diff, the results beside the base's, the estimate; within the rights on both sides."""

import json
from typing import Any

import pytest

from controlplane.definitions.manifest import Job, PartitionsDefinition
from controlplane.deployments.base_snapshots import set_base
from controlplane.deployments.models import BranchDeployment
from tenants.ids import uuid7
from tenants.models import GrantScope, Role, TargetKind
from tenants.scoping import org_scope
from tests.cast import Cast, make_member
from tests.delivery.changed_branches import BEFORE, Changed, make_branch, make_changed
from tests.factories import asset, make_location, make_manifest
from tests.tenants.people import deny, hold, of, person


@pytest.fixture
def changed(cast: Cast) -> Changed:
    return make_changed(cast)


def found(changed: Changed, **query: Any) -> dict[str, Any]:
    answer = changed.ask(**query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def names(document: dict[str, Any], kind: str = "asset") -> list[tuple[str, str, list[str]]]:
    return [(d["change"], d["name"], d["reasons"]) for d in document["differences"] if d["kind"] == kind]


def test_changes_are_told_with_their_reasons_and_what_they_affect(changed: Changed) -> None:
    document = found(changed)

    assert names(document) == [("added", "new", []), ("changed", "raw", ["code version"]), ("removed", "old", [])]
    assert [one["key"] for one in document["affected"]] == ["daily", "report"]
    assert document["counts"]["asset"] == {"added": 1, "changed": 1, "removed": 1, "affected": 2}
    assert (document["base"], document["note"]) == ("prod", "")


def test_news_of_the_base_change_nothing(changed: Changed) -> None:
    before = found(changed)
    for number in range(5):
        main = make_manifest([asset("raw", code_version=f"main {number}"), asset(f"main_{number}")])
        make_location(changed.cast, manifest=main, deployed={"git_commit": f"main{number}"})

    assert found(changed) == before


def test_location_that_the_branch_never_had_is_no_removal_but_shows_what_is_affected(cast: Cast) -> None:
    far = make_manifest([asset("raw", is_external=True, is_executable=False), asset("far", "raw")], location="far")

    document = found(make_changed(cast, others={"far": far}))

    assert {d["location"] for d in document["differences"]} == {"shop"}
    assert {"key": "far", "location": "far"} in document["affected"]
    assert document["inherited"] == ["far"]


def test_location_that_the_branch_took_away_is_removed(cast: Cast) -> None:
    far = make_manifest([asset("far")], location="far")
    changed = make_changed(cast, others={"far": far})
    changed.deploy(far, sha="c" * 40, location="far")
    assert cast.api().delete(changed.there.api_path("code-locations/far/")).status_code == 204

    assert ("removed", "far", []) in names(found(changed))


def test_location_that_a_whole_repository_has_no_more_is_removed(cast: Cast) -> None:
    """A connected repository is deployed whole; what the base has from elsewhere is none of its business."""
    changed = make_changed(cast)
    for name, repository in (("mine", "acme/data"), ("theirs", "acme/data-science")):
        where = {"git_url": f"https://git.example/{repository}/tree/base", "git_commit": "base2"}
        make_location(cast, name, manifest=make_manifest([asset(name)], location=name), deployed=where)
    with org_scope(cast.org_id):
        rows = BranchDeployment.objects.for_org(cast.org_id).filter(deployment_id=changed.branch.deployment_id)
        rows.update(repository_id=uuid7())
    set_base(org_id=cast.org_id, deployment_id=changed.branch.deployment_id, merge_base_sha="base2")

    document = found(changed)

    assert ("removed", "mine", []) in names(document)
    assert document["inherited"] == ["theirs"]


def test_location_that_the_base_has_not_is_all_new(cast: Cast) -> None:
    changed = make_changed(cast)
    changed.deploy(make_manifest([asset("x")], location="fresh"), sha="d" * 40, location="fresh")

    assert ("added", "x", []) in names(found(changed))


def test_location_that_has_not_loaded_is_not_compared(cast: Cast) -> None:
    branch = make_branch(cast)
    make_location(cast, manifest=BEFORE)
    with org_scope(cast.org_id):
        BranchDeployment.objects.for_org(cast.org_id).filter(deployment_id=branch.deployment_id).update(
            base_manifests=None
        )
    assert (
        cast.api()
        .get(f"/api/v1/organizations/{cast.org.slug}/deployments/{branch.deployment.name}/changes/")
        .json()["differences"]
        == []
    )


def test_full_deployment_has_no_changes(cast: Cast) -> None:
    assert cast.api().get(cast.api_path("changes/")).status_code == 404


def test_frozen_commit_shows_the_changes_as_of_then(changed: Changed) -> None:
    then = found(changed)
    for number in range(10):
        later = make_manifest([asset("raw", code_version="1"), asset(f"push_{number}")])
        changed.deploy(later, sha=f"{number}" * 40)

    assert found(changed, at="b" * 40) == found(changed, at="bbbbbbb") == then
    assert names(found(changed, at="999999")) != names(then)
    assert changed.ask(at="f00dface").status_code == 404


def test_frozen_commit_keeps_its_base_and_what_was_deleted_since(cast: Cast) -> None:
    changed = make_changed(cast)
    changed.deploy(make_manifest([asset("side")], location="side"), sha="c" * 40, location="side")
    then = found(changed, at="c" * 40)
    make_location(cast, manifest=make_manifest([asset("main")]), deployed={"git_commit": "main"})
    set_base(org_id=cast.org_id, deployment_id=changed.branch.deployment_id, merge_base_sha="main")
    cast.api().delete(changed.there.api_path("code-locations/side/"))

    assert ("added", "side", []) in names(then)
    assert found(changed, at="c" * 40)["differences"] == then["differences"]
    assert names(found(changed)) != names(then)


def test_results_stand_beside_those_of_the_base(changed: Changed) -> None:
    schema = {
        "type": "table_schema",
        "value": {"columns": [{"name": "id", "type": "int"}, {"name": "x", "type": "str"}]},
    }
    other = {
        "type": "table_schema",
        "value": {"columns": [{"name": "id", "type": "bigint"}, {"name": "y", "type": "str"}]},
    }
    changed.make(changed.cast, "raw", rows=100, **{"dagster/column_schema": schema})
    changed.make(changed.there, "raw", rows=110, **{"dagster/column_schema": other})
    changed.make(changed.there, "new", rows=5)

    assets = {one["key"]: one for one in changed.ask("results/").json()["assets"]}

    raw = assets["raw"]
    assert set(assets) == {"raw", "new"}
    assert raw["numbers"] == [{"name": "dagster/row_count", "base": 100.0, "branch": 110.0, "change": 0.1}]
    assert [(c["name"], c["base"], c["branch"]) for c in raw["columns"]] == [
        ("id", "int", "bigint"),
        ("y", None, "str"),
        ("x", "str", None),
    ]
    assert (raw["seconds"]["base"], raw["seconds"]["branch"]) == (2.0, 2.0)
    assert assets["new"]["numbers"] == [{"name": "dagster/row_count", "base": None, "branch": 5.0, "change": None}]


def test_results_compare_the_same_partition(cast: Cast) -> None:
    table = {"p": PartitionsDefinition(kind="static", cls="StaticPartitionsDefinition", keys=["1", "2"])}

    def of(version: str) -> Any:
        return make_manifest([asset("raw", code_version=version, partitions="p")], partitions_definitions=table)

    changed = make_changed(cast, of("1"), of("2"))
    changed.make(changed.cast, "raw", rows=100, partition="1")
    changed.make(changed.cast, "raw", rows=900, partition="2")
    changed.make(changed.there, "raw", rows=101, partition="1")

    [raw] = changed.ask("results/").json()["assets"]

    assert (raw["base"]["partition"], raw["numbers"][0]["base"], raw["same_partition"]) == ("1", 100.0, True)


def test_estimate_is_what_the_base_paid(changed: Changed) -> None:
    changed.make(changed.cast, "raw", rows=1)
    changed.make(changed.cast, "raw", rows=1)

    plan = changed.ask("estimate/").json()

    [run] = plan["runs"]
    assert (run["location"], run["assets"], run["partition"]) == ("shop", ["new", "raw"], None)
    assert plan["estimate"]["unknown"] == ["new"]
    assert plan["estimate"]["runs"] == 2
    assert plan["estimate"]["seconds"] == 2.0
    assert changed.ask("estimate/", with_affected="true").json()["runs"][0]["assets"] == [
        "new",
        "raw",
        "daily",
        "report",
    ]


def test_words_alone_are_nothing_to_materialize(cast: Cast) -> None:
    after = make_manifest(
        [
            asset("raw", tags={"tier": "1"}, code_version="1"),
            asset("daily", "raw"),
            asset("report", "daily"),
            asset("old"),
        ]
    )

    assert make_changed(cast, after=after).ask("estimate/").json()["runs"] == []


# Rights. Of a person who may not know of something on one side, it is absent on both.


def test_who_may_not_enter_the_base_is_told_so(changed: Changed) -> None:
    user = make_member(changed.cast.org, "branch-only@acme.example")
    hold(
        changed.cast, of(user), scope=GrantScope.BRANCHES_OF, deployment_id=changed.cast.deployment.id, role=Role.EDITOR
    )

    answer = changed.ask(user=user)

    assert answer.status_code == 403
    assert "may enter its base" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize("scope", [GrantScope.DEPLOYMENT, GrantScope.BRANCHES_OF])
@pytest.mark.parametrize(
    "target", [(TargetKind.GROUP, "canary"), (TargetKind.TAG, "canary"), (TargetKind.SELECTION, "key:canary*")]
)
def test_asset_hidden_on_one_side_is_absent(cast: Cast, scope: GrantScope, target: tuple[TargetKind, str]) -> None:
    """On each side there is an asset that is hidden there alone, and looks like any other on the other side."""
    hiding = {"group": "canary", "tags": {"canary": "yes"}}
    before = make_manifest(
        [asset("raw", "canary_a"), asset("canary_a", **hiding), asset("canary_b"), asset("low", "canary_a", "raw")],
        jobs=[Job(name="j", assets=[["raw"], ["canary_a"]])],
    )
    after = make_manifest(
        [
            asset("raw", "canary_b"),
            asset("canary_a"),
            asset("canary_b", **hiding),
            asset("canary_c", **hiding),
            asset("low", "raw"),
        ],
        jobs=[Job(name="j", assets=[["raw"], ["canary_b"]])],
    )
    changed = make_changed(cast, before, after)
    everything = json.dumps(found(changed))
    user = person(cast, Role.EDITOR, scope=GrantScope.ORGANIZATION)
    kind, value = target
    deny(cast, user, target=kind, target_value=value, scope=scope, deployment_id=cast.deployment.id)

    answer = found(changed, user=user)

    hidden = (
        {"canary_a"} if scope == GrantScope.DEPLOYMENT and kind != TargetKind.SELECTION else {"canary_b", "canary_c"}
    )
    assert all(name in everything for name in hidden)
    assert not any(name in json.dumps(answer) for name in hidden)
    for path in ("results/", "estimate/"):
        assert not any(name in changed.ask(path, user=user).content.decode() for name in hidden)


@pytest.mark.parametrize("scope", [GrantScope.DEPLOYMENT, GrantScope.BRANCHES_OF])
def test_location_hidden_on_one_side_is_absent(cast: Cast, scope: GrantScope) -> None:
    changed = make_changed(cast, others={"canary": make_manifest([asset("canary_x")], location="canary")})
    changed.deploy(make_manifest([asset("canary_y")], location="canary"), sha="c" * 40, location="canary")
    user = person(cast, Role.EDITOR, scope=GrantScope.ORGANIZATION)
    deny(cast, user, target=TargetKind.LOCATION, target_value="canary", scope=scope, deployment_id=cast.deployment.id)

    assert "canary" in json.dumps(found(changed))
    assert "canary" not in json.dumps(found(changed, user=user))
    assert names(found(changed, user=user)) == [
        ("added", "new", []),
        ("changed", "raw", ["code version"]),
        ("removed", "old", []),
    ]


def test_who_sees_one_location_sees_its_changes_only(cast: Cast) -> None:
    changed = make_changed(cast)
    changed.deploy(make_manifest([asset("canary")], location="other"), sha="c" * 40, location="other")
    user = make_member(cast.org, "of-shop@acme.example")
    for scope in (GrantScope.DEPLOYMENT, GrantScope.BRANCHES_OF):
        hold(
            cast,
            of(user),
            scope=scope,
            deployment_id=cast.deployment.id,
            role=Role.EDITOR,
            target=TargetKind.LOCATION,
            target_value="shop",
        )

    assert "canary" not in json.dumps(found(changed, user=user))
    assert ("changed", "raw", ["code version"]) in names(found(changed, user=user))


def test_other_organization_finds_no_branch(changed: Changed, outsider: Cast) -> None:
    for path in ("", "results/", "estimate/"):
        assert outsider.api().get(changed.there.api_path(f"changes/{path}")).status_code == 404
