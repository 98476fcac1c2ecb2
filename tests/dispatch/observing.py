"""What tests look at behind the wire, and conditions to wait for."""

import datetime
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from django.db.models.functions import Now

from agent.protocol import Work
from controlplane.core import wakeups
from controlplane.deployments.models import LocationVersion
from controlplane.dispatch.models import Command
from controlplane.fleet import selectors as fleet
from controlplane.fleet.models import Agent
from controlplane.runs.models import Run
from tenants.scoping import org_scope
from tests import factories
from tests.cast import Cast
from tests.dispatch.wire_agent import WireAgent
from tests.waiting import eventually


def stored_run(cast: Cast, run_id: uuid.UUID | str) -> Run:
    with org_scope(cast.org_id):
        return Run.objects.for_org(cast.org_id).get(id=run_id)


def stored_version(cast: Cast, version: LocationVersion) -> LocationVersion:
    with org_scope(cast.org_id):
        return LocationVersion.objects.for_org(cast.org_id).get(id=version.id)


def stored_command(cast: Cast, command_id: str) -> Command:
    with org_scope(cast.org_id):
        return Command.objects.for_org(cast.org_id).get(id=command_id)


def agent_state(cast: Cast, agent: WireAgent) -> str:
    return next(view.state.value for view in fleet.agents(cast.org_id) if str(view.agent.id) == agent.id)


def last_poll(agent: WireAgent) -> datetime.datetime | None:
    return Agent.objects.across_orgs(reason="a test looks").get(id=agent.id).last_poll_at


def lapse(cast: Cast) -> None:
    """The leases of all commands end, as with time."""
    with org_scope(cast.org_id):
        rows = Command.objects.for_org(cast.org_id).exclude(lease_until=None)
        assert rows.update(lease_until=Now() - datetime.timedelta(seconds=1))


@contextmanager
def polling(agent: WireAgent, *, free_slots: int = 1) -> Iterator["Future[Work]"]:
    """A poll that the control plane has taken in; the block may use its future."""
    before = last_poll(agent)
    with ThreadPoolExecutor(1) as one:
        held = one.submit(agent.poll, free_slots=free_slots)
        eventually(lambda: last_poll(agent), lambda at: at != before)
        yield held


def wait_until_subscribed(agent: WireAgent) -> None:
    """Return when some process listens for this agent's wake-ups."""
    topic = f"{wakeups.PREFIX}agent:{agent.id}"
    eventually(lambda: wakeups.client().pubsub_numsub(topic)[0][1], lambda count: count > 0)


def loaded_wire_agent(server: str, cast: Cast) -> WireAgent:
    """A registered agent that has loaded the location `shop`, and knows what is desired."""
    agent = WireAgent(server, cast.agent_token.text)
    agent.register()
    version = factories.deploy(cast)
    agent.poll()
    agent.load(str(version.id), cast)
    return agent
