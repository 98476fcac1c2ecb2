"""What code of branch deployments finds in its environment, and what code of forks never does (promises S5, S7)."""

from dataclasses import replace

import pytest

from agent.protocol import Target
from controlplane.deployments.branches import BranchFacts, ensure_branch
from controlplane.deployments.code import Code
from controlplane.deployments.git_facts import GitFacts
from controlplane.deployments.models import BranchDeployment
from controlplane.deployments.services import deploy_location
from controlplane.dispatch.selectors import desired_locations
from controlplane.environment.drafts import Scopes
from tenants.reach import EVERYTHING
from tenants.scoping import org_scope
from tests import factories
from tests.environment.test_delivery import ask, values
from tests.environment.variables import BRANCHES, FULL, set_variable

CANARY = "canary-of-production-1"
HEAD = GitFacts(
    branch="new-prices",
    message="Round up",
    timestamp=1_700_000_000.0,
    author_name="Ada",
    author_email="ada@example.com",
)


def open_branch(cast, *, is_fork=False, number=12):
    facts = BranchFacts(
        repository="acme/shop",
        branch="new-prices",
        pull_request=number,
        pull_request_status="OPEN",
        is_fork=is_fork,
        git=HEAD,
    )
    branch = ensure_branch(org_id=cast.org_id, parent=cast.deployment, facts=facts, actor=cast.actor)
    return branch.deployment


def deploy(cast, deployment, name="shop"):
    code = Code(target=Target(module_name=name), git_commit="abc1234", git_url="https://git/x", git=HEAD)
    return deploy_location(org_id=cast.org_id, deployment_id=deployment.id, name=name, code=code, actor=cast.actor)


def on_the_wire(cast, agent, reach=EVERYTHING):
    with org_scope(cast.org_id):
        return {(found.deployment, found.name): found for found in desired_locations(cast.org_id, agent, reach)}


@pytest.fixture
def agent(cast):
    return factories.make_agent(cast, protocol_version="1.2")


def test_branch_finds_its_commit_and_its_pull_request_under_both_names(cast, agent):
    deployment = open_branch(cast)
    version = deploy(cast, deployment)

    found = values(cast, agent, version)

    expected = {
        "GIT_SHA": "abc1234",
        "GIT_URL": "https://git/x",
        "GIT_BRANCH": "new-prices",
        "GIT_REPO": "acme/shop",
        "GIT_MESSAGE": "Round up",
        "GIT_TIMESTAMP": "1700000000",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@example.com",
        "PULL_REQUEST_ID": "12",
        "PULL_REQUEST_STATUS": "OPEN",
        "IS_BRANCH_DEPLOYMENT": "1",
    }
    assert {name: found.get(f"DAGSTER_CLOUD_{name}") for name in expected} == expected
    assert {name: found.get(f"DAGGERBOARD_{name}") for name in expected} == expected
    assert found["DAGSTER_CLOUD_DEPLOYMENT_NAME"] == found["DAGGERBOARD_DEPLOYMENT"] == deployment.name
    assert found["DAGGERBOARD_BASE_DEPLOYMENT"] == "prod"


def test_full_deployment_has_none_of_what_is_of_branches(cast, agent):
    found = values(cast, agent, deploy(cast, cast.deployment))

    assert found["DAGSTER_CLOUD_GIT_SHA"] == "abc1234"
    assert not [
        name for name in found if "PULL_REQUEST" in name or "BRANCH" in name or "MESSAGE" in name or "BASE" in name
    ]


def test_status_of_the_pull_request_loads_nothing_anew(cast, agent):
    """A merge would otherwise load every code location of the branch again, for nothing."""
    deployment = open_branch(cast)
    version = deploy(cast, deployment)
    before = on_the_wire(cast, agent)[deployment.name, "shop"].environment

    with org_scope(cast.org_id):
        BranchDeployment.objects.for_org(cast.org_id).update(pull_request_status="MERGED")

    assert on_the_wire(cast, agent)[deployment.name, "shop"].environment == before
    assert values(cast, agent, version)["DAGSTER_CLOUD_PULL_REQUEST_STATUS"] == "MERGED"


def test_push_to_one_code_location_leaves_the_environment_of_the_others(cast, agent):
    deployment = open_branch(cast)
    deploy(cast, deployment, "shop")
    deploy(cast, deployment, "lake")
    before = on_the_wire(cast, agent)[deployment.name, "lake"].environment

    code = Code(target=Target(module_name="shop"), git_commit="def5678", git=GitFacts(message="Round down"))
    deploy_location(org_id=cast.org_id, deployment_id=deployment.id, name="shop", code=code, actor=cast.actor)

    assert on_the_wire(cast, agent)[deployment.name, "lake"].environment == before


def test_fork_gets_no_variable_of_anybody_and_is_isolated(cast, agent):
    set_variable(cast, "PASSWORD", CANARY, BRANCHES)
    set_variable(cast, "TOKEN", CANARY, FULL)
    branch, fork = open_branch(cast), open_branch(cast, is_fork=True, number=13)
    of_branch, of_fork = deploy(cast, branch), deploy(cast, fork)

    assert values(cast, agent, of_branch)["PASSWORD"] == CANARY
    assert CANARY not in ask(cast, agent, of_fork).content.decode()
    names = values(cast, agent, of_fork)
    assert {name for name in names if not name.startswith(("DAGSTER_", "DAGGERBOARD_"))} == set()
    wire = on_the_wire(cast, agent)
    assert (wire[fork.name, "shop"].isolated, wire[branch.name, "shop"].isolated) == (True, False)


def test_variable_set_for_a_branch_that_turns_out_to_be_a_fork_is_not_given(cast, agent):
    branch = open_branch(cast)
    version = deploy(cast, branch)
    set_variable(cast, "PASSWORD", CANARY, Scopes(branch_id=branch.id))
    assert values(cast, agent, version)["PASSWORD"] == CANARY

    with org_scope(cast.org_id):
        BranchDeployment.objects.for_org(cast.org_id).filter(deployment_id=branch.id).update(is_fork=True)

    assert CANARY not in ask(cast, agent, version).content.decode()


def test_fork_stays_one_whoever_tells_of_it_next(cast):
    """CI tells of a pull request without saying where it is from."""
    open_branch(cast, is_fork=True)

    deployment = open_branch(cast, is_fork=False)

    with org_scope(cast.org_id):
        assert BranchDeployment.objects.for_org(cast.org_id).get(deployment_id=deployment.id).is_fork


def test_agent_gets_no_fork_unless_its_token_says_so(cast, agent):
    """A fork chooses the queue and the names of its code locations: neither keeps it from an agent that serves branches."""
    branch, fork = open_branch(cast), open_branch(cast, is_fork=True, number=13)
    deploy(cast, branch), deploy(cast, fork)

    assert [name for name, _ in on_the_wire(cast, agent, replace(EVERYTHING, forks=False))] == [branch.name]


def test_branch_that_turns_out_to_be_a_fork_is_taken_from_agents_of_other_branches(cast, agent):
    deploy(cast, open_branch(cast))

    fork = open_branch(cast, is_fork=True)

    assert fork.place.is_fork
    assert on_the_wire(cast, agent, replace(EVERYTHING, forks=False)) == {}


def test_agent_that_knows_no_isolation_gets_no_fork(cast):
    old = factories.make_agent(cast, "old", protocol_version="1.1")
    fork = open_branch(cast, is_fork=True)
    deploy(cast, fork)
    deploy(cast, cast.deployment)

    assert list(on_the_wire(cast, old)) == [("prod", "shop")]


def test_long_message_of_a_commit_is_cut(cast, agent):
    deployment = open_branch(cast)
    code = Code(target=Target(module_name="shop"), git=GitFacts(message="x" * 200_000))
    version = deploy_location(org_id=cast.org_id, deployment_id=deployment.id, name="shop", code=code, actor=cast.actor)

    assert len(values(cast, agent, version)["DAGSTER_CLOUD_GIT_MESSAGE"]) == 4000
