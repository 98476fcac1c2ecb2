"""Branch deployments over REST, as CI and people use them."""

import pytest

from controlplane.delivery.branches import closing
from controlplane.deployments.models import BranchState
from controlplane.deployments.services import create_deployment
from tests.delivery.branches_of import fresh, life_row, load_branch, make_branch

TOLD = {
    "repository": "acme/shop",
    "branch": "feature",
    "pull_request": 12,
    "pull_request_status": "OPEN",
    "pull_request_url": "https://git.example.com/acme/shop/pull/12",
    "title": "Pay",
    "head_sha": "a" * 40,
    "git": {"message": "Pay at last", "author_name": "Ada"},
}


@pytest.fixture
def path(cast):
    return f"/api/v1/organizations/{cast.org.slug}/branch-deployments/"


def post(cast, path, body=None, user=None):
    return cast.api(user).post(path, body or {}, content_type="application/json")


def test_ci_makes_a_branch_once_and_tells_what_is_new(cast, path):
    made = post(cast, path, TOLD)
    again = post(cast, path, {**TOLD, "head_sha": "b" * 40})

    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json()["name"] == "pr-12"
    assert made.json()["url"].endswith(f"/{cast.org.slug}/d/pr-12")
    assert (again.json()["name"], again.json()["head_sha"]) == ("pr-12", "b" * 40)
    assert made.json()["expires_at"] is not None


def test_branch_without_a_pull_request_is_known_by_its_branch(cast, path):
    body = {"repository": "acme/shop", "branch": "try/it"}
    made, again = post(cast, path, body), post(cast, path, body)

    assert made.json()["name"] == again.json()["name"] == "branch-try-it"


def test_merged_ends_it_and_open_brings_it_back(cast, path):
    post(cast, path, TOLD)
    ended = post(cast, path, {**TOLD, "pull_request_status": "MERGED"})
    assert ended.json()["state"] == BranchState.ARCHIVED
    assert ended.json()["pull_request_status"] == "MERGED"

    assert post(cast, path, TOLD).json()["state"] == BranchState.ACTIVE


def test_end_of_what_was_never_made_is_said(cast, path):
    assert post(cast, path, {**TOLD, "pull_request_status": "CLOSED"}).status_code == 409


def test_base_has_to_be_named_where_there_are_several(cast, path):
    create_deployment(org_id=cast.org_id, name="staging", actor=cast.actor)
    unnamed, named = post(cast, path, TOLD), post(cast, path, {**TOLD, "base": "staging"})

    assert unnamed.status_code == 400
    assert unnamed.json()["errors"][0]["attr"] == "base"
    assert named.json()["base"] == "staging"


def test_list_is_filtered(cast, path):
    for number in (1, 2):
        make_branch(cast, number)
    closing.close(org_id=cast.org_id, deployment_id=make_branch(cast, 3).deployment_id, reason="over", actor=cast.actor)

    def names(**query):
        return [one["name"] for one in cast.api().get(path, query).json()["results"]]

    assert names() == ["pr-1", "pr-2", "pr-3"]
    assert names(pull_request=2) == ["pr-2"]
    assert names(state="archived") == ["pr-3"]
    assert names(repository="acme/other") == []
    assert cast.api().get(path, {"state": "dead"}).status_code == 400


def test_life_can_be_extended_ended_and_begun_again(cast, path):
    branch = make_branch(cast)
    load_branch(cast, branch)
    one = f"{path}pr-12/"
    assert post(cast, f"{one}sleep/").json()["state"] == BranchState.SLEEPING
    assert post(cast, f"{one}wake/").json()["state"] == BranchState.ACTIVE
    assert post(cast, f"{one}keep-awake/", {"awake": True}).json()["sleep_after_seconds"] is None
    assert post(cast, f"{one}extend/").status_code == 200
    assert post(cast, f"{one}close/", {"reason": "done"}).json()["state"] == BranchState.ARCHIVED
    assert post(cast, f"{one}extend/").status_code == 409
    assert post(cast, f"{one}rebuild/").json()["state"] == BranchState.ACTIVE


def test_ci_can_give_jobs_for_the_beginning_and_the_end(cast, path):
    job = {"location": "shop", "job": "nightly"}
    post(cast, path, {**TOLD, "on_create": job, "on_close": job, "expire_after_seconds": None})

    branch = make_branch(cast)
    assert (life_row(branch).on_create, life_row(branch).on_close) == (job, job)
    assert fresh(branch).expires_at is None


def test_nothing_of_a_branch_by_ci_waits_for_approval(cast, path):
    make_branch(cast)

    assert post(cast, f"{path}pr-12/approve/", {"sha": "a" * 40}).status_code == 409


def test_viewer_reads_and_changes_nothing(cast, path):
    make_branch(cast)

    assert cast.api(cast.viewer).get(f"{path}pr-12/").status_code == 200
    for action in ("extend", "close", "approve", "sleep", "wake", "keep-awake", "rebuild"):
        assert post(cast, f"{path}pr-12/{action}/", user=cast.viewer).status_code == 403
    assert post(cast, path, TOLD, user=cast.viewer).status_code == 403


def test_full_deployment_is_no_branch(cast, path):
    assert cast.api().get(f"{path}prod/").status_code == 404


def test_outsider_finds_nothing(cast, outsider, path):
    make_branch(cast)

    assert outsider.api().get(f"{path}pr-12/").status_code == 404
    assert outsider.api().get(path).status_code == 404
