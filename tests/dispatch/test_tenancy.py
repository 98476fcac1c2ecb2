"""Agent endpoints show nothing to another organization, and nothing to who has no token. The list comes from the URLconf."""

import gzip
import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import pytest
from msgspec import structs

from agent import protocol as wire
from controlplane.dispatch.run_tokens import RunClaims, issue_run_token
from controlplane.dispatch.urls import urlpatterns
from controlplane.runs.services import cancel_run
from controlplane.runs.states import RunStatus
from controlplane.runs.transitions import move_run
from tenants.models import TokenKind
from tenants.scoping import org_scope
from tenants.token_services import issue_token
from tests import factories
from tests.cast import Cast
from tests.dispatch.observing import stored_run
from tests.dispatch.wire_agent import HEADERS, WireAgent


@dataclass(frozen=True)
class Target:
    """What somebody else would like to reach: an agent of `cast`, its run, a command, a version."""

    cast: Cast
    agent: WireAgent
    launch: wire.Launch

    @property
    def ref(self) -> wire.AttemptRef:
        spec = self.launch.spec
        return wire.AttemptRef(run_id=spec.run_id, attempt=spec.attempt, epoch=spec.epoch)

    @property
    def events(self) -> wire.EventBatch:
        event = wire.Event(seq=1, ts=0.0, type="PIPELINE_START")
        ref = self.ref
        part = wire.AttemptEvents(run_id=ref.run_id, attempt=ref.attempt, epoch=ref.epoch, events=[event])
        return wire.EventBatch(agent_id=self.agent.id, attempts=[part])

    @property
    def logs(self) -> wire.LogBatch:
        ref = self.ref
        chunk = wire.LogChunk(
            run_id=ref.run_id,
            attempt=ref.attempt,
            epoch=ref.epoch,
            log_key="step",
            stream=wire.LogStream.STDOUT,
            offset=0,
            data=b"hello",
        )
        return wire.LogBatch(agent_id=self.agent.id, chunks=[chunk])


# A valid request of the agent itself, for every route that names something of its organization.
REACHING: dict[str, Callable[[Target], wire.Message]] = {
    # Answered at once: it knows nothing of what is desired.
    "agent-poll": lambda t: structs.replace(t.agent.poll_message(), desired_etag=None),
    "agent-heartbeat": lambda t: wire.Heartbeat(agent_id=t.agent.id, boot_id=t.agent.boot_id, attempts=[t.ref]),
    "agent-events": lambda t: t.events,
    "agent-logs": lambda t: t.logs,
    "agent-results": lambda t: wire.CommandResult(agent_id=t.agent.id, command_id=t.launch.command_id, result=1),
    "agent-many-results": lambda t: wire.CommandResults(agent_id=t.agent.id, results=[]),
    "agent-locations": lambda t: wire.LocationReport(
        agent_id=t.agent.id, version_id=t.launch.version_id, state=wire.LocationState.LOADING
    ),
    "agent-environment": lambda t: wire.EnvironmentAsk(agent_id=t.agent.id, version_id=t.launch.version_id),
    "agent-goodbye": lambda t: wire.Goodbye(agent_id=t.agent.id, boot_id=t.agent.boot_id),
    "agent-read": lambda t: wire.Read(agent_id=t.agent.id, method="run_count", run=t.ref),
}
# These name nothing: whoever calls them acts in the organization of the token. Their own tests are below.
# Who may have which source archive: test_sources.py.
OWN_ORGANIZATION_ONLY = {"agent-register", "agent-definitions-missing", "agent-upload-definitions", "agent-source"}
OF_RUN_TOKENS = {"agent-events", "agent-logs", "agent-read"}
ROUTES = {pattern.name: str(pattern.pattern) for pattern in urlpatterns}


@pytest.fixture
def target(cast: Cast, loaded_agent: WireAgent) -> Target:
    factories.queue_run(cast)
    [launch] = loaded_agent.poll().commands
    assert isinstance(launch, wire.Launch)
    return Target(cast, loaded_agent, launch)


def send(url: str, name: str, message: wire.Message, token: str | None) -> httpx.Response:
    packed = name == "agent-logs"
    body = msgspec.msgpack.encode(message) if packed else msgspec.json.encode(message)
    headers = {**HEADERS, "Content-Type": "application/msgpack" if packed else "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return httpx.post(f"{url}/agent/v1/{ROUTES[name]}", content=body, headers=headers, trust_env=False, timeout=200)


def test_every_route_is_in_this_matrix() -> None:
    assert set(ROUTES) == (set(REACHING) & set(ROUTES)) | OWN_ORGANIZATION_ONLY


@pytest.mark.parametrize("name", sorted(set(REACHING) & set(ROUTES)))
def test_token_of_another_organization_finds_nothing(name: str, target: Target, outsider: Cast, server: str) -> None:
    message = REACHING[name](target)

    assert send(server, name, message, outsider.agent_token.text).status_code == 404
    # The same request from the agent itself: it was the token that failed above.
    assert send(server, name, message, target.cast.agent_token.text).status_code in (
        {404} if name == "agent-results" else {200}
    )


@pytest.mark.parametrize("name", sorted(set(REACHING) & set(ROUTES)))
def test_second_token_of_the_organization_is_not_the_agent(name: str, target: Target, server: str) -> None:
    other = issue_token(org_id=target.cast.org_id, kind=TokenKind.AGENT, name="second").text

    assert send(server, name, REACHING[name](target), other).status_code == 404


@pytest.mark.parametrize("name", sorted(ROUTES))
@pytest.mark.parametrize("token", [None, "x", "dgb_agent_x_y_z", "Basic abc", "dgb_run_W10~forged"])
def test_nobody_gets_in_without_a_token(name: str, token: str | None, target: Target, server: str) -> None:
    message = REACHING[name](target) if name in REACHING else wire.DefinitionsHave(sha256s=[])
    method = {"agent-upload-definitions": "PUT", "agent-source": "GET"}.get(name, "POST")
    headers = HEADERS if token is None else {**HEADERS, "Authorization": f"Bearer {token}"}
    path = ROUTES[name].replace("<str:sha256>", "0" * 64)

    response = httpx.request(
        method,
        f"{server}/agent/v1/{path}",
        content=msgspec.json.encode(message),
        headers=headers,
        trust_env=False,
        timeout=200,
    )

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("name", sorted(set(REACHING) & set(ROUTES)))
def test_token_of_a_person_is_no_agent_s(name: str, target: Target, server: str) -> None:
    assert send(server, name, REACHING[name](target), target.cast.user_token.text).status_code == 403


@pytest.mark.parametrize("name", sorted(set(REACHING) & set(ROUTES)))
def test_run_token_is_good_for_its_own_run_alone(name: str, target: Target, server: str) -> None:
    message = REACHING[name](target)
    own, foreign = target.launch.run_token, token_of_another_run(target)

    assert send(server, name, message, own).status_code == (200 if name in OF_RUN_TOKENS else 401)
    assert send(server, name, message, foreign).status_code == (404 if name in OF_RUN_TOKENS else 401)


def token_of_another_run(target: Target) -> str:
    factories.queue_run(target.cast)
    target.agent.accept(wire.Work(commands=[target.launch]))
    launches = [command for command in target.agent.poll(free_slots=1).commands if command != target.launch]
    assert isinstance(launches[0], wire.Launch)
    return launches[0].run_token


@pytest.mark.parametrize("name", sorted(OF_RUN_TOKENS & set(ROUTES)))
def test_run_token_dies_with_its_run(name: str, target: Target, server: str) -> None:
    cancel_run(org_id=target.cast.org_id, run_id=uuid.UUID(target.ref.run_id), actor=target.cast.actor)
    with org_scope(target.cast.org_id):
        move_run(org_id=target.cast.org_id, run_id=uuid.UUID(target.ref.run_id), status=RunStatus.CANCELED)

    assert send(server, name, REACHING[name](target), target.launch.run_token).status_code == 401


@pytest.mark.parametrize("changed", ["org_id", "run_id", "attempt", "epoch"])
def test_run_token_with_another_claim_is_refused(changed: str, target: Target, server: str) -> None:
    """Such a token cannot be made without the key; if it could, it would still not open anything else."""
    ref = target.ref
    claims = {"org_id": target.cast.org_id, "run_id": uuid.UUID(ref.run_id), "attempt": ref.attempt, "epoch": ref.epoch}
    claims[changed] = uuid.uuid4() if "id" in changed else 7

    assert send(server, "agent-events", target.events, issue_run_token(RunClaims(**claims))).status_code in {401, 404}


def test_outsider_changes_nothing(target: Target, outsider: Cast, server: str) -> None:
    before = stored_run(target.cast, target.ref.run_id)
    for name in set(REACHING) & set(ROUTES):
        send(server, name, REACHING[name](target), outsider.agent_token.text)

    after = stored_run(target.cast, target.ref.run_id)
    assert (after.status, after.event_count, after.updated_at) == (before.status, before.event_count, before.updated_at)


def test_registering_under_the_same_name_makes_another_agent(target: Target, outsider: Cast, server: str) -> None:
    mallory = WireAgent(server, outsider.agent_token.text)
    mallory.register("agent-1")

    assert mallory.id != target.agent.id
    work = mallory.poll()
    assert (work.commands, work.desired.locations if work.desired else None) == ([], [])


def test_definitions_of_one_organization_are_missing_in_another(target: Target, outsider: Cast, server: str) -> None:
    content = factories.manifest_bytes(factories.make_manifest())
    sha256 = hashlib.sha256(content).hexdigest()
    ask: Any = wire.DefinitionsHave(sha256s=[sha256])

    assert send(server, "agent-definitions-missing", ask, target.cast.agent_token.text).json() == {"sha256s": []}
    assert send(server, "agent-definitions-missing", ask, outsider.agent_token.text).json() == {"sha256s": [sha256]}


def test_upload_goes_to_the_uploader_s_organization(target: Target, outsider: Cast, server: str) -> None:
    content = uuid.uuid4().bytes
    sha256 = hashlib.sha256(content).hexdigest()
    mallory = WireAgent(server, outsider.agent_token.text)
    mallory.http.put(f"definitions/{sha256}", content=gzip.compress(content)).raise_for_status()

    ask = wire.DefinitionsHave(sha256s=[sha256])
    assert target.agent.send("definitions/missing", ask, wire.DefinitionsMissing).sha256s == [sha256]
