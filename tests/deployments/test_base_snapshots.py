"""The base of a branch deployment: what its parent defined where the branch left it."""

from typing import Any

import pytest

from agent.protocol import Target
from controlplane.definitions.manifest import Manifest
from controlplane.deployments.base_snapshots import set_base
from controlplane.deployments.branches import BranchFacts, ensure_branch
from controlplane.deployments.code import Code
from controlplane.deployments.deploying import LocationDeploy, deploy_locations
from controlplane.deployments.models import BranchDeployment
from tenants.errors import NotFoundError
from tests import factories
from tests.cast import Cast
from tests.factories import asset, make_manifest


def of(key: str, location: str = "shop") -> Manifest:
    return make_manifest([asset(key)], location=location)


def sha_of(manifest: Manifest) -> str:
    return factories.definitions_file(factories.manifest_bytes(manifest)).sha256


def at(cast: Cast, commit: str, manifest: Manifest, name: str = "shop") -> None:
    """The base deploys and loads this commit."""
    factories.make_location(cast, name, manifest=manifest, deployed={"git_commit": commit})


@pytest.fixture
def branch(cast: Cast) -> BranchDeployment:
    facts = BranchFacts(repository="acme/data", branch="feature", pull_request=7)
    return ensure_branch(org_id=cast.org_id, parent=cast.deployment, facts=facts, actor=cast.actor)


def base(branch: BranchDeployment, sha: str, *earlier: str) -> BranchDeployment:
    return set_base(org_id=branch.org_id, deployment_id=branch.deployment_id, merge_base_sha=sha, earlier=earlier)


def test_base_is_what_loaded_of_the_merge_base_though_main_moved_on(cast: Cast, branch: BranchDeployment) -> None:
    for number in range(3):
        at(cast, f"c{number}", of(f"asset_{number}"))

    found = base(branch, "c1", "c0")

    assert found.base_manifests == {"shop": sha_of(of("asset_1"))}
    assert found.base_note == ""


def test_base_stays_while_main_moves_and_moves_with_a_rebase(cast: Cast, branch: BranchDeployment) -> None:
    at(cast, "c0", of("old"))
    base(branch, "c0")
    for number in range(1, 21):
        at(cast, f"c{number}", of(f"asset_{number}"))

    assert base(branch, "c0").base_manifests == {"shop": sha_of(of("old"))}
    rebased = base(branch, "c20", *(f"c{number}" for number in reversed(range(20))))
    assert rebased.base_manifests == {"shop": sha_of(of("asset_20"))}


def test_nearest_commit_before_the_merge_base_stands_in_for_it(cast: Cast, branch: BranchDeployment) -> None:
    for number in range(3):
        at(cast, f"c{number}", of(f"asset_{number}"))

    found = base(branch, "never-deployed", "c1", "c0")

    assert found.base_manifests == {"shop": sha_of(of("asset_1"))}
    assert found.base_note == (
        "prod never loaded never-d, where the branch begins; this compares with the nearest commit before it that prod did load, c1."
    )


def test_unknown_merge_base_is_what_serves_now_and_stays_that(cast: Cast, branch: BranchDeployment) -> None:
    at(cast, "c5", of("now"))

    found = base(branch, "unknown", "older")
    at(cast, "c6", of("later"))
    again = base(branch, "unknown", "older")

    assert found.base_manifests == again.base_manifests == {"shop": sha_of(of("now"))}
    assert "this compares with what it served on" in found.base_note
    assert found.base_note == again.base_note


def test_inexact_base_gives_way_to_the_merge_base_once_that_has_loaded(cast: Cast, branch: BranchDeployment) -> None:
    at(cast, "c0", of("old"))
    base(branch, "c1", "c0")
    at(cast, "c1", of("exact"))

    found = base(branch, "c1", "c0")

    assert (found.base_manifests, found.base_note) == ({"shop": sha_of(of("exact"))}, "")


def test_location_that_did_not_change_for_long_counts_as_it_was_then(cast: Cast, branch: BranchDeployment) -> None:
    at(cast, "long-ago", of("steady", "steady"), "steady")
    at(cast, "c1", of("one"))
    at(cast, "c2", of("steady_later", "steady"), "steady")
    at(cast, "c2", of("new", "new"), "new")

    found = base(branch, "c1", "c0")

    assert found.base_manifests == {"shop": sha_of(of("one")), "steady": sha_of(of("steady", "steady"))}
    assert found.base_note == ""


def test_version_that_never_loaded_is_no_base(cast: Cast, branch: BranchDeployment) -> None:
    at(cast, "c0", of("old"))
    factories.deploy(cast, git_commit="c1")

    assert base(branch, "c1", "c0").base_manifests == {"shop": sha_of(of("old"))}


def test_base_without_anything_says_that_all_is_new(branch: BranchDeployment) -> None:
    found = base(branch, "c1")

    assert found.base_manifests == {}
    assert found.base_note.startswith("Nothing was loaded in prod on ")


def test_full_deployment_has_no_base(cast: Cast) -> None:
    with pytest.raises(NotFoundError):
        set_base(org_id=cast.org_id, deployment_id=cast.deployment.id, merge_base_sha="c1", earlier=())


def test_other_organization_has_no_such_branch(cast: Cast, outsider: Any, branch: BranchDeployment) -> None:
    with pytest.raises(NotFoundError):
        set_base(org_id=outsider.org_id, deployment_id=branch.deployment_id, merge_base_sha="c1", earlier=())


def test_base_of_which_something_is_still_loading_is_looked_at_again(cast: Cast, branch: BranchDeployment) -> None:
    at(cast, "c1", of("first"))
    deploys = [LocationDeploy(name="store", code=Code(target=Target(module_name="store"), git_commit="c1"))]
    (version,) = deploy_locations(
        org_id=cast.org_id, deployment_id=cast.deployment.id, deploys=deploys, actor=cast.actor
    )
    found = base(branch, "c1")
    assert found.base_manifests == {"shop": sha_of(of("first"))}
    assert found.base_note == "prod is still loading store of c1, where the branch begins."

    factories.load(cast, version, of("second", "store"))
    found = base(branch, "c1")
    assert found.base_manifests == {"shop": sha_of(of("first")), "store": sha_of(of("second", "store"))}
    assert found.base_note == ""
