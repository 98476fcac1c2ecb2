"""A pull request from its opening to its end, as its author and the team see it: the host, the pages' REST, the agent's processes."""

import pytest

from tests.previews import previews, shop
from tests.waiting import eventually


@pytest.mark.timeout(400)
def test_pull_request_is_deployed_told_of_updated_and_ended(tmp_path):
    with previews(tmp_path, shop("orders", "totals")) as here:
        here.wait_workers(1)
        here.repository.push("more", shop("orders", "totals", "report", note="one"))
        pull = here.repository.open_pull_request("more")
        said = here.wait_said(pull, "Ready")
        assert "pr-1" in said
        assert "+1 ~2 -0" in said
        changes = here.call("GET", "deployments/pr-1/changes/")
        assert {(found["change"], found["name"]) for found in changes["differences"]} == {
            ("added", "report"),
            ("changed", "orders"),
            ("changed", "totals"),
        }
        assert changes["note"] == "", "prod had loaded the merge base itself"
        assert {check.state for check in here.repository.checks_of(pull.head_sha).values()} == {"success"}
        here.wait_workers(2)

        here.repository.push("more", shop("orders", "totals", "report", "extra", note="two"))
        here.wait_said(pull, "Ready")
        assert len(pull.comments) == 1
        frozen = here.call("GET", "deployments/pr-1/code-locations/shop/versions/")["results"]
        assert [version["git_commit"] == pull.head_sha for version in frozen] == [True, False]

        with here.installation.client as client:
            path = f"/api/v1/organizations/{client.profile.organization}/deployments/pr-1/runs/"
            run = client.post(path, {"location": "shop", "assets": ["orders", "extra"]})
            client.wait(f"{path}{run['id']}/", lambda r: r["status"] == "SUCCESS", seconds=180, what="the run")

        here.host.outbox.loses = lambda _delivery: True
        pull.close()
        here.call("POST", f"repositories/{here.repository_id}/reconcile/")
        here.wait_state("pr-1", "archived")
        here.wait_workers(1)
        # Archived first, told a moment later.
        eventually(
            lambda: {known.state for known in here.repository.deployments.values()},
            lambda states: states == {"inactive"},
            seconds=120,
        )


@pytest.mark.timeout(300)
def test_branch_that_sleeps_has_no_process_and_wakes_when_something_is_wanted(tmp_path):
    with previews(tmp_path, shop("orders")) as here:
        here.repository.push("more", shop("orders", "report", note="one"))
        here.wait_said(here.repository.open_pull_request("more"), "Ready")
        here.wait_workers(2)
        here.call("POST", "branch-deployments/pr-1/sleep/")
        here.wait_workers(1)
        assert here.branch("pr-1")["state"] == "sleeping"
        assert {asset["key"] for asset in here.call("GET", "deployments/pr-1/assets/")["results"]} == {
            "orders",
            "report",
        }

        run = here.call("POST", "deployments/pr-1/runs/", {"location": "shop", "assets": ["report"]})

        with here.installation.client as client:
            path = f"/api/v1/organizations/{client.profile.organization}/deployments/pr-1/runs/{run['id']}/"
            client.wait(path, lambda found: found["status"] == "SUCCESS", seconds=180, what="the run")
        assert here.branch("pr-1")["state"] == "active"
