"""Credentials of agents: what registering answers, what they open, and when they are dead."""

import uuid
from typing import Any

import httpx
import pytest
from django.test import override_settings
from django.utils import timezone
from msgspec import structs

from agent import protocol as wire
from controlplane.dispatch.agent_credentials import issue_credential
from controlplane.dispatch.run_tokens import RunClaims, issue_run_token
from tenants.credentials.services import block_agent, unblock_agent
from tenants.models import TokenKind
from tenants.reach import Reach
from tenants.token_services import issue_token, revoke_token, rotate_token, update_token
from tenants.token_verification import CACHE_SECONDS
from tests import factories
from tests.cast import Cast
from tests.dispatch.observing import polling
from tests.dispatch.test_tenancy import REACHING, ROUTES, Target, send
from tests.dispatch.wire_agent import WireAgent
from tests.waiting import eventually

# What is promised of every revocation.
DEAD_SECONDS = 5.0


@pytest.fixture
def target(cast: Cast, loaded_agent: WireAgent) -> Target:
    factories.queue_run(cast)
    [launch] = loaded_agent.poll().commands
    assert isinstance(launch, wire.Launch)
    return Target(cast, loaded_agent, launch)


def credential_for(target: Target, **changed: Any) -> str:
    claims = {
        "org_id": target.cast.org_id,
        "token_id": target.cast.agent_token.token.id,
        "agent_id": uuid.UUID(target.agent.id),
        "boot_id": target.agent.boot_id,
    }
    return issue_credential(**{**claims, **changed})


def registered(server: str, token: str, name: str = "agent-1") -> tuple[WireAgent, str]:
    """An agent that has registered, and the credential it got."""
    agent = WireAgent(server, token)
    answer = agent.register(name)
    assert answer.credential is not None
    return agent, answer.credential


@pytest.mark.parametrize("name", sorted(set(REACHING) & set(ROUTES)))
def test_credential_opens_every_endpoint_of_its_agent(name: str, target: Target, server: str) -> None:
    answer = send(server, name, REACHING[name](target), credential_for(target))

    assert answer.status_code == (404 if name == "agent-results" else 200)


def test_credential_cannot_register(target: Target, server: str) -> None:
    """Or one that leaked could make the next, for ever."""
    answer = send(server, "agent-register", factories.register_message("agent-2"), credential_for(target))

    assert answer.status_code == 401
    assert "cannot register" in answer.json()["errors"][0]["detail"]


CHANGED: dict[str, tuple[Any, int]] = {
    "org_id": (uuid.uuid4(), 401),
    "token_id": (uuid.uuid4(), 401),
    "agent_id": (uuid.uuid4(), 404),
    "boot_id": ("another", 409),
}


@pytest.mark.parametrize("name", sorted(set(REACHING) & set(ROUTES)))
@pytest.mark.parametrize("changed", CHANGED)
def test_credential_is_bound_to_organization_token_agent_and_process(
    name: str, changed: str, target: Target, server: str
) -> None:
    value, status = CHANGED[changed]

    answer = send(server, name, REACHING[name](target), credential_for(target, **{changed: value}))

    assert answer.status_code == status


@pytest.mark.parametrize("name", ["agent-definitions-missing", *sorted(set(REACHING) & set(ROUTES))])
def test_credential_dies_by_itself(name: str, target: Target, server: str) -> None:
    with override_settings(AGENT_CREDENTIAL_SECONDS=-1):
        dead = credential_for(target)
    message = REACHING[name](target) if name in REACHING else wire.DefinitionsHave(sha256s=[])

    assert send(server, name, message, dead).status_code == 401


def test_poll_brings_the_next_credential_when_half_of_its_life_is_over(target: Target, server: str) -> None:
    poll = structs.replace(target.agent.poll_message(free_slots=0), desired_etag=None)
    fresh = send(server, "agent-poll", poll, credential_for(target)).json()
    with override_settings(AGENT_CREDENTIAL_SECONDS=600):
        old = credential_for(target)
    due = send(server, "agent-poll", poll, old).json()
    beat = send(server, "agent-heartbeat", REACHING["agent-heartbeat"](target), old).json()

    assert "credential" not in fresh
    for answer in (due, beat):
        assert send(server, "agent-logs", target.logs, answer["credential"]).status_code == 200


def test_bootstrap_token_is_good_for_registering_only(cast: Cast, server: str) -> None:
    reach = Reach(bootstrap_only=True)
    issued = issue_token(org_id=cast.org_id, kind=TokenKind.AGENT, name="edge", reach=reach)
    agent, credential = registered(server, issued.text)

    for path, message in (("poll", agent.poll_message()), ("definitions/missing", wire.DefinitionsHave(sha256s=[]))):
        refused = agent.post(path, message)
        assert refused.status_code == 401
        assert refused.json()["errors"][0]["code"] == "bootstrap_only"
        assert agent.post(path, message, Authorization=f"Bearer {credential}").status_code == 200


def test_agent_of_an_older_protocol_works_with_its_token(cast: Cast, server: str) -> None:
    agent = WireAgent(server, cast.agent_token.text)
    agent.http.headers["Daggerboard-Protocol"] = "1.1"
    agent.register()

    assert agent.poll().commands == []


def revoked_token(target: Target) -> None:
    revoke_token(org_id=target.cast.org_id, token_id=target.cast.agent_token.token.id)


def blocked_agent(target: Target) -> None:
    agent_id = uuid.UUID(target.agent.id)
    block_agent(org_id=target.cast.org_id, agent_id=agent_id, name="agent-1", actor=target.cast.actor)


def expired_token(target: Target) -> None:
    """It ends while the agent works with it."""
    update_token(
        org_id=target.cast.org_id,
        token_id=target.cast.agent_token.token.id,
        actor=target.cast.actor,
        changes={"expires_at": timezone.now()},
    )


ENDS = [revoked_token, blocked_agent, expired_token]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("proof", ["token", "credential"])
def test_everything_is_dead_within_five_seconds(end: Any, proof: str, target: Target, server: str) -> None:
    """A leaked token or credential, on every endpoint that works for an agent."""
    text = credential_for(target) if proof == "credential" else target.cast.agent_token.text
    # The server believes in it, and has it in its cache.
    assert send(server, "agent-logs", target.logs, text).status_code == 200
    end(target)

    for name in sorted(set(REACHING) & set(ROUTES)):
        message = REACHING[name](target)
        eventually(lambda n=name, m=message: send(server, n, m, text).status_code, lambda status: status == 401)
    # How long that may take is not the machine's affair: it is how long a process believes in what it has seen.
    assert CACHE_SECONDS < DEAD_SECONDS


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("proof", ["token", "credential"])
def test_held_poll_ends(end: Any, proof: str, target: Target, server: str) -> None:
    agent = target.agent
    agent.accept(wire.Work(commands=[target.launch]))
    agent.poll_now(free_slots=0)
    if proof == "credential":
        agent.http.headers["Authorization"] = f"Bearer {credential_for(target)}"
    with polling(agent, free_slots=0) as held:
        end(target)
        # Were it held to its end, it would be answered empty.
        with pytest.raises(httpx.HTTPStatusError) as refused:
            held.result(100)

    assert refused.value.response.status_code == 401


@pytest.mark.parametrize("end", ENDS)
def test_run_token_dies_with_the_token_of_its_agent(end: Any, target: Target, server: str) -> None:
    assert send(server, "agent-events", target.events, target.launch.run_token).status_code == 200
    end(target)

    eventually(
        lambda: send(server, "agent-events", target.events, target.launch.run_token).status_code,
        lambda status: status == 401,
    )


def test_run_token_dies_by_itself(target: Target, server: str) -> None:
    ref = target.ref
    claims = RunClaims(target.cast.org_id, uuid.UUID(ref.run_id), ref.attempt, ref.epoch)
    with override_settings(RUN_TOKEN_SECONDS=-1):
        dead = issue_run_token(claims)

    assert send(server, "agent-events", target.events, issue_run_token(claims)).status_code == 200
    assert send(server, "agent-events", target.events, dead).status_code == 401


def test_blocked_agent_cannot_register_until_it_is_let_in(target: Target, server: str) -> None:
    blocked_agent(target)
    message = factories.register_message("agent-1")
    token = target.cast.agent_token.text

    refused = send(server, "agent-register", message, token)
    neighbour = send(server, "agent-register", factories.register_message("agent-2"), token)
    agent_id = uuid.UUID(target.agent.id)
    unblock_agent(org_id=target.cast.org_id, agent_id=agent_id, name="agent-1", actor=target.cast.actor)
    let_in = send(server, "agent-register", message, token)

    assert (refused.status_code, neighbour.status_code, let_in.status_code) == (401, 200, 200)
    assert "blocked" in refused.json()["errors"][0]["detail"]


def test_token_of_other_networks_opens_nothing(cast: Cast, target: Target, server: str) -> None:
    update_token(
        org_id=cast.org_id,
        token_id=cast.agent_token.token.id,
        actor=cast.actor,
        changes={"allowed_networks": ["203.0.113.0/24"]},
    )

    for text in (cast.agent_token.text, credential_for(target), target.launch.run_token):
        eventually(
            lambda t=text: send(server, "agent-logs", target.logs, t).status_code,
            lambda status: status == 401,
        )
    assert send(server, "agent-poll", target.agent.poll_message(), cast.agent_token.text).status_code == 401


def test_agent_goes_over_to_the_token_that_replaces_its_own(cast: Cast, server: str) -> None:
    agent, credential = registered(server, cast.agent_token.text)
    new = rotate_token(org_id=cast.org_id, token_id=cast.agent_token.token.id, actor=cast.actor)
    # Both live: the old agent works on, and may come back with either.
    assert agent.post("poll", agent.poll_message(), Authorization=f"Bearer {credential}").status_code == 200
    again, with_new = registered(server, new.text)
    revoke_token(org_id=cast.org_id, token_id=cast.agent_token.token.id)

    assert again.id == agent.id
    # The agent belongs to the new token now: whoever comes with the old one has to register again.
    assert agent.post("poll", agent.poll_message(), Authorization=f"Bearer {credential}").status_code in {401, 404}
    again.http.headers["Authorization"] = f"Bearer {with_new}"
    assert again.poll().commands == []
