"""Agents of an organization that is not active get nothing new to do, and report what they do; networks hold for held polls too."""

import httpx
import pytest

from agent import protocol as wire
from tenants import organizations
from tenants.access import SYSTEM
from tenants.errors import OrganizationReadOnlyError
from tenants.models import Organization, OrganizationState
from tests import factories
from tests.cast import Cast
from tests.dispatch.observing import polling, stored_run
from tests.dispatch.wire_agent import WireAgent


def set_state(cast: Cast, state: OrganizationState) -> None:
    Organization.objects.filter(id=cast.org_id).update(state=state)


@pytest.mark.parametrize("state", ["read_only", "suspended", "pending_deletion"])
def test_agent_gets_no_run_until_the_organization_is_active_again(
    cast: Cast, loaded_agent: WireAgent, state: str
) -> None:
    loaded_agent.poll_now()
    run = factories.queue_run(cast)
    set_state(cast, OrganizationState(state))

    assert loaded_agent.poll_now().commands == []
    assert stored_run(cast, run.id).status == "QUEUED"
    set_state(cast, OrganizationState.ACTIVE)
    assert [command.spec.run_id for command in loaded_agent.poll().commands] == [str(run.id)]


@pytest.mark.parametrize("state", ["read_only", "suspended"])
def test_run_under_way_reports(cast: Cast, loaded_agent: WireAgent, state: str) -> None:
    run = factories.queue_run(cast)
    work = loaded_agent.poll()
    set_state(cast, OrganizationState(state))
    spec = work.commands[0].spec
    events = [wire.Event(seq=1, ts=0.0, type="PIPELINE_START")]
    part = wire.AttemptEvents(run_id=spec.run_id, attempt=spec.attempt, epoch=spec.epoch, events=events)

    loaded_agent.send("events", wire.EventBatch(agent_id=loaded_agent.id, attempts=[part]), wire.EventsStored)

    assert stored_run(cast, run.id).status == "STARTED"


def test_nothing_is_launched_by_whoever_asks_for_it(cast: Cast) -> None:
    factories.make_location(cast)
    organizations.set_own_state(org_id=cast.org_id, state=OrganizationState.READ_ONLY, reason="", actor=SYSTEM)

    with pytest.raises(OrganizationReadOnlyError):
        factories.queue_run(cast)


def test_held_poll_ends_when_its_address_is_no_longer_admitted(cast: Cast, loaded_agent: WireAgent) -> None:
    loaded_agent.poll_now()
    with polling(loaded_agent) as held:
        Organization.objects.filter(id=cast.org_id).update(allowed_networks=["203.0.113.0/24"])
        factories.deploy(cast, "new")

        with pytest.raises(httpx.HTTPStatusError, match="403"):
            held.result(100)
