"""Who would serve a code location: every agent with yes or no and the label that is missing, before anything is deployed."""

from typing import Any

import pytest

from controlplane.deployments.branches import BranchFacts, ensure_branch
from controlplane.fleet.models import Agent
from tenants.credentials.services import block_agent
from tenants.models import TokenKind
from tenants.reach import EVERYTHING, Reach
from tenants.scoping import org_scope
from tenants.token_services import issue_token, revoke_token
from tests import factories
from tests.cast import Cast


def ask(cast: Cast, deployment: str = "prod", **query: str) -> Any:
    answer = cast.api().get(f"/api/v1/organizations/{cast.org.slug}/deployments/{deployment}/serving/", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def make_agent(cast: Cast, name: str, reach: Reach = EVERYTHING, **fields: Any) -> Agent:
    issued = issue_token(org_id=cast.org_id, kind=TokenKind.AGENT, name=name, reach=reach)
    agent = factories.make_agent(cast, name, **fields)
    with org_scope(cast.org_id):
        Agent.objects.for_org(cast.org_id).filter(id=agent.id).update(token_id=issued.token.id)
    agent.token_id = issued.token.id
    return agent


def reasons(found: Any, name: str) -> str:
    [agent] = [agent for agent in found["agents"] if agent["name"] == name]
    assert agent["serves"] is not bool(agent["reasons"])
    return "; ".join(agent["reasons"])


def test_organization_without_agents_is_told_to_start_one(cast: Cast) -> None:
    found = ask(cast, location="shop", queue="gpu")

    assert (found["served"], found["agents"]) == (False, [])
    assert "Start one with the queue gpu" in found["unserved"]


def test_each_agent_says_what_it_lacks(cast: Cast) -> None:
    make_agent(cast, "well")
    make_agent(cast, "gpu", queues=["gpu"])
    make_agent(cast, "bank", Reach(code_locations=frozenset({"bank"})))
    make_agent(cast, "branches", Reach(all_branches=True))
    revoked = make_agent(cast, "revoked")
    revoke_token(org_id=cast.org_id, token_id=revoked.token_id)
    blocked = make_agent(cast, "blocked")
    block_agent(org_id=cast.org_id, agent_id=blocked.id, name="blocked", reason="", actor=cast.actor)

    found = ask(cast, location="shop")

    assert (found["served"], found["unserved"], found["queue"]) == (True, None, "default")
    assert found["agents"][0]["name"] == "well"
    assert reasons(found, "well") == ""
    assert reasons(found, "gpu") == "it does not serve the queue default, only gpu"
    assert reasons(found, "bank") == "its token does not reach the code location shop"
    assert "its token does not reach the deployment prod" in reasons(found, "branches")
    assert "revoked or has expired" in reasons(found, "revoked")
    assert "it is blocked" in reasons(found, "blocked")


def test_branches_are_asked_for_before_there_is_any(cast: Cast) -> None:
    make_agent(cast, "production", Reach())
    other = make_agent(cast, "of-branches", Reach(branches_of=frozenset({cast.deployment.id})))

    found = ask(cast, branches="true")

    assert [agent["name"] for agent in found["agents"] if agent["serves"]] == [other.name]
    assert reasons(found, "production") == (
        "its token serves no branch deployments; allow branches of prod under Settings, Agent tokens"
    )


def test_location_that_nobody_serves_names_the_nearest_agent(cast: Cast) -> None:
    make_agent(cast, "far", Reach(), queues=["gpu"])
    make_agent(cast, "near", Reach())
    facts = BranchFacts(repository="acme/shop", branch="b", pull_request=7)
    branch = ensure_branch(org_id=cast.org_id, parent=cast.deployment, facts=facts, actor=cast.actor)

    found = ask(cast, branch.deployment.name, location="shop")

    assert found["unserved"] == (
        "No agent serves shop in pr-7. The nearest is near: its token serves no branch deployments; "
        "allow branches of prod under Settings, Agent tokens."
    )


def test_agent_whose_token_leaves_out_forks_says_so(cast: Cast) -> None:
    make_agent(cast, "of-branches", Reach(all_branches=True))
    facts = BranchFacts(repository="acme/shop", branch="b", pull_request=8, is_fork=True)
    fork = ensure_branch(org_id=cast.org_id, parent=cast.deployment, facts=facts, actor=cast.actor)

    found = ask(cast, fork.deployment.name, location="shop")

    assert "its token does not reach branches of forks; allow them under Settings" in reasons(found, "of-branches")


@pytest.mark.parametrize(("is_fork", "words"), [(True, "code of a fork"), (False, "source archives")])
def test_agent_that_is_too_old_says_so(cast: Cast, is_fork: bool, words: str) -> None:
    make_agent(cast, "old", protocol_version="1.1")
    facts = BranchFacts(repository="acme/shop", branch="b", pull_request=7, is_fork=is_fork)
    branch = ensure_branch(org_id=cast.org_id, parent=cast.deployment, facts=facts, actor=cast.actor)
    with org_scope(cast.org_id):
        version = factories.deploy(cast, "shop")
        type(version).objects.for_org(cast.org_id).update(source_sha256="0" * 64)

    found = ask(cast, branch.deployment.name if is_fork else "prod", location="shop")

    assert words in reasons(found, "old")


def test_queue_is_that_of_the_code_location(cast: Cast) -> None:
    factories.deploy(cast, "shop", queue="gpu")

    assert ask(cast, location="shop")["queue"] == "gpu"
    assert ask(cast, location="shop", queue="eu")["queue"] == "eu"
