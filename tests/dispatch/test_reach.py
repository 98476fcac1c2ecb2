"""An agent of a token that reaches a part gets, loads, reads and reports nothing outside that part (promise S5)."""

import uuid
from typing import Any

import httpx
import msgspec
import pytest

from agent import protocol as wire
from controlplane.deployments.code import Code
from controlplane.deployments.models import Deployment, DeploymentKind
from controlplane.deployments.services import create_deployment, deploy_location
from controlplane.runs.requests import RunRequest
from controlplane.runs.services import request_run
from controlplane.runs.waiting import waiting_reason
from tenants.models import TokenKind
from tenants.reach import EVERYTHING, Reach
from tenants.scoping import org_scope
from tenants.token_services import issue_token, update_token
from tests import factories
from tests.cast import Cast
from tests.dispatch.observing import polling, stored_run, stored_version
from tests.dispatch.wire_agent import WireAgent


def agent_of(server: str, cast: Cast, reach: Reach, **register: Any) -> WireAgent:
    """A registered agent whose token reaches so far."""
    issued = issue_token(org_id=cast.org_id, kind=TokenKind.AGENT, name="narrow", reach=reach)
    agent = WireAgent(server, issued.text)
    agent.token_id = issued.token.id
    agent.register(f"narrow-{uuid.uuid4().hex[:6]}", **register)
    return agent


def desired(agent: WireAgent) -> list[str]:
    work = agent.poll()
    return [location.name for location in work.desired.locations] if work.desired else []


def branch_of(cast: Cast, parent: Deployment | None, name: str) -> Deployment:
    deployment = create_deployment(org_id=cast.org_id, name=name, actor=cast.actor)
    with org_scope(cast.org_id):
        rows = Deployment.objects.for_org(cast.org_id).filter(id=deployment.id)
        rows.update(kind=DeploymentKind.BRANCH, parent_id=parent.id if parent else None)
        return rows.get()


def deploy_to(cast: Cast, deployment: Deployment, name: str) -> None:
    code = Code(target=wire.Target(module_name=name))
    deploy_location(org_id=cast.org_id, deployment_id=deployment.id, name=name, code=code, actor=cast.actor)


@pytest.fixture
def places(cast: Cast) -> dict[str, Deployment]:
    """`prod` with a branch, `other` with a branch, and one location in each, named as its deployment."""
    prod = cast.deployment
    other = create_deployment(org_id=cast.org_id, name="other", actor=cast.actor)
    found = {
        "prod": prod,
        "other": other,
        "prod-branch": branch_of(cast, prod, "prod-branch"),
        "other-branch": branch_of(cast, other, "other-branch"),
    }
    for name, deployment in found.items():
        deploy_to(cast, deployment, name)
    return found


REACHES = {
    "no place": (lambda p: Reach(), ["prod", "other"]),
    "everything": (lambda p: EVERYTHING, ["prod", "other", "prod-branch", "other-branch"]),
    "all full deployments": (lambda p: Reach(all_deployments=True), ["prod", "other"]),
    "all full deployments and branches of one": (
        lambda p: Reach(all_deployments=True, branches_of=frozenset({p["prod"].id})),
        ["prod", "other", "prod-branch"],
    ),
    "one branch": (lambda p: Reach(deployments=frozenset({p["prod-branch"].id})), ["prod-branch"]),
    "one deployment": (lambda p: Reach(deployments=frozenset({p["other"].id})), ["other"]),
    "branches of one": (lambda p: Reach(branches_of=frozenset({p["prod"].id})), ["prod-branch"]),
    "all branches": (lambda p: Reach(all_branches=True), ["prod-branch", "other-branch"]),
    "a deployment and all branches": (
        lambda p: Reach(deployments=frozenset({p["prod"].id}), all_branches=True),
        ["prod", "prod-branch", "other-branch"],
    ),
    "one code location": (lambda p: Reach(code_locations=frozenset({"other"})), ["other"]),
    "a code location elsewhere": (
        lambda p: Reach(deployments=frozenset({p["prod"].id}), code_locations=frozenset({"other"})),
        [],
    ),
    "no code location": (lambda p: Reach(code_locations=frozenset()), []),
}


@pytest.mark.parametrize("name", REACHES)
def test_locations_outside_the_reach_are_not_sent(
    name: str, cast: Cast, places: dict[str, Deployment], server: str
) -> None:
    make, expected = REACHES[name]

    assert sorted(desired(agent_of(server, cast, make(places)))) == sorted(expected)


@pytest.mark.parametrize("name", REACHES)
def test_python_and_sql_agree_on_what_is_covered(
    name: str, cast: Cast, places: dict[str, Deployment], server: str
) -> None:
    """The fingerprint of what is desired is made in SQL, the list of it here: an agent that has it all is told nothing new."""
    make, _expected = REACHES[name]
    agent = agent_of(server, cast, make(places))
    agent.poll()

    # It is held.
    with pytest.raises(httpx.ReadTimeout):
        agent.http.post("poll", content=msgspec.json.encode(agent.poll_message()), timeout=httpx.Timeout(200, read=1))


@pytest.mark.parametrize(
    ("reach", "serves"),
    [
        (Reach(queues=frozenset({"default"})), True),
        (Reach(queues=frozenset({"gpu"})), False),
        (Reach(code_locations=frozenset({"shop"})), True),
        (Reach(code_locations=frozenset({"bank"})), False),
        (Reach(deployments=frozenset({uuid.uuid4()})), False),
    ],
)
def test_run_outside_the_reach_is_not_claimed(reach: Reach, serves: bool, cast: Cast, loaded_agent: WireAgent) -> None:
    """The agent has the code loaded and serves the queue: the reach of its token alone decides, in the statement that claims."""
    token_id = cast.agent_token.token.id
    update_token(org_id=cast.org_id, token_id=token_id, actor=cast.actor, changes={"reach": reach})
    run = factories.queue_run(cast)

    commands = loaded_agent.poll_now().commands

    assert len(commands) == (1 if serves else 0)
    assert stored_run(cast, run.id).status == ("STARTING" if serves else "QUEUED")


def test_run_outside_the_reach_says_why_it_waits(cast: Cast, loaded_agent: WireAgent) -> None:
    reach = Reach(code_locations=frozenset({"bank"}))
    update_token(org_id=cast.org_id, token_id=cast.agent_token.token.id, actor=cast.actor, changes={"reach": reach})

    reason = waiting_reason(factories.queue_run(cast))

    assert reason is not None
    assert reason.code == "out_of_reach"
    assert "agent-1" in reason.message
    assert "shop in prod" in reason.message


def test_name_of_an_agent_that_reaches_further_cannot_be_taken(cast: Cast, server: str) -> None:
    """Or a token of one machine, under the name of another's agent, would get the runs and the reads of that one."""
    reaches = {
        "wide": EVERYTHING,
        "bank": Reach(code_locations=frozenset({"bank"})),
        "same": Reach(code_locations=frozenset({"bank"})),
        "shop": Reach(code_locations=frozenset({"shop"})),
    }
    agents = {
        name: WireAgent(server, issue_token(org_id=cast.org_id, kind=TokenKind.AGENT, name=name, reach=reach).text)
        for name, reach in reaches.items()
    }
    wide = agents["wide"].register("of-wide")
    bank = agents["bank"].register("of-bank")

    for name in ("of-wide", "of-bank"):
        with pytest.raises(httpx.HTTPStatusError) as refused:
            agents["shop"].register(name)
        assert refused.value.response.status_code == 403
        assert name in refused.value.response.json()["errors"][0]["detail"]
    agents["wide"].poll()
    assert agents["same"].register("of-bank").agent_id == bank.agent_id
    assert agents["wide"].register("of-wide").agent_id == wide.agent_id
    assert agents["wide"].register("of-bank").agent_id == bank.agent_id


def test_queue_outside_the_reach_refuses_the_registration_in_words(cast: Cast, server: str) -> None:
    with pytest.raises(httpx.HTTPStatusError) as refused:
        agent_of(server, cast, Reach(queues=frozenset({"gpu"})), queues=["gpu", "default"])

    error = refused.value.response.json()["errors"][0]
    assert refused.value.response.status_code == 403
    assert (error["code"], error["attr"]) == ("permission_denied", "queues")
    assert "does not reach the queue default" in error["detail"]


def test_held_poll_hears_at_once_that_its_token_reaches_less(cast: Cast, loaded_agent: WireAgent) -> None:
    loaded_agent.poll_now()
    with polling(loaded_agent) as held:
        update_token(
            org_id=cast.org_id,
            token_id=cast.agent_token.token.id,
            actor=cast.actor,
            changes={"reach": Reach(code_locations=frozenset({"bank"}))},
        )
        work: Any = held.result(100)

    assert work.desired.locations == []


@pytest.fixture
def narrow(cast: Cast, server: str) -> WireAgent:
    """An agent that reaches the location `bank` only, where `shop` is deployed too."""
    return agent_of(server, cast, Reach(code_locations=frozenset({"bank"})))


def test_load_of_a_location_outside_the_reach_cannot_be_reported(cast: Cast, narrow: WireAgent) -> None:
    version = factories.deploy(cast, "shop")
    file = factories.store_manifest(cast.org_id, factories.make_manifest())

    answer = narrow.post("locations", factories.loaded_report(narrow.id, version.id, file))

    assert answer.status_code == 404
    assert stored_version(cast, version).state == "pending"


def test_what_left_the_reach_can_still_be_unloaded(cast: Cast, narrow: WireAgent) -> None:
    version = factories.deploy(cast, "shop")
    report = wire.LocationReport(agent_id=narrow.id, version_id=str(version.id), state=wire.LocationState.UNLOADED)

    assert narrow.post("locations", report).status_code == 200


def test_reads_for_a_location_outside_the_reach_find_nothing(cast: Cast, narrow: WireAgent) -> None:
    inside, outside = factories.deploy(cast, "bank"), factories.deploy(cast, "shop")

    def read(version_id: Any) -> int:
        message = wire.Read(agent_id=narrow.id, method="run_count", version_id=str(version_id))
        return narrow.post("read", message).status_code

    assert (read(inside.id), read(outside.id)) == (200, 404)


def test_attempt_of_another_agent_cannot_be_reported(cast: Cast, narrow: WireAgent, loaded_agent: WireAgent) -> None:
    factories.queue_run(cast)
    [launch] = loaded_agent.poll().commands
    spec = launch.spec
    event = wire.Event(seq=1, ts=0.0, type="PIPELINE_START")
    part = wire.AttemptEvents(run_id=spec.run_id, attempt=spec.attempt, epoch=spec.epoch, events=[event])

    stored = narrow.send("events", wire.EventBatch(agent_id=narrow.id, attempts=[part]), wire.EventsStored)

    assert stored.attempts[0].fenced
    assert stored_run(cast, spec.run_id).event_count == 0


def test_run_of_another_agent_cannot_be_read(cast: Cast, narrow: WireAgent, loaded_agent: WireAgent) -> None:
    factories.queue_run(cast)
    [launch] = loaded_agent.poll().commands
    spec = launch.spec
    ref = wire.AttemptRef(run_id=spec.run_id, attempt=spec.attempt, epoch=spec.epoch)

    answer = narrow.post("read", wire.Read(agent_id=narrow.id, method="run_count", run=ref))

    assert answer.status_code == 409


def test_job_is_queued_elsewhere_than_the_reach(cast: Cast, server: str) -> None:
    """Two deployments with the same location name: a token of one does not serve the other."""
    other = create_deployment(org_id=cast.org_id, name="other", actor=cast.actor)
    agent = agent_of(server, cast, Reach(deployments=frozenset({other.id})))
    version = factories.deploy(cast, "shop")
    factories.load(cast, version, factories.make_manifest())
    request_run(
        org_id=cast.org_id, deployment_id=cast.deployment.id, request=RunRequest(job="nightly"), actor=cast.actor
    )

    assert agent.poll(free_slots=5).commands == []
