"""The record of agents, in the database."""

import pytest
from django.db import connection

from agent.protocol import Poll
from controlplane.fleet import selectors, services
from controlplane.fleet.models import Agent
from tenants.errors import InvalidError, NotFoundError
from tenants.scoping import org_scope
from tests import factories
from tests.cast import Cast


def age(agent: Agent, seconds: float, *columns: str) -> None:
    """Let some time pass since the agent was heard."""
    with org_scope(agent.org_id), connection.cursor() as cursor:
        for column in columns:
            cursor.execute(
                f"UPDATE agent SET {column} = now() - make_interval(secs => %s) WHERE id = %s", [seconds, agent.id]
            )


def poll(agent: Agent, **fields: int) -> None:
    message = Poll(agent_id=str(agent.id), boot_id=agent.boot_id, free_slots=fields.pop("free_slots", 1), **fields)
    with org_scope(agent.org_id):
        services.note_poll(org_id=agent.org_id, agent_id=agent.id, message=message)


def state(cast: Cast, agent: Agent) -> str:
    return selectors.agent(cast.org_id, agent.id).state.value


def test_life_of_an_agent(cast: Cast) -> None:
    agent = factories.make_agent(cast)
    assert state(cast, agent) == "connected"

    age(agent, 600, "registered_at")
    assert state(cast, agent) == "lost"

    poll(agent)
    assert state(cast, agent) == "connected"

    services.note_goodbye(org_id=cast.org_id, agent_id=agent.id)
    assert state(cast, agent) == "stopped"


def test_agent_that_heartbeats_but_does_not_poll_is_connected_and_needs_attention(cast: Cast) -> None:
    agent = factories.make_agent(cast)
    age(agent, 600, "registered_at", "last_poll_at")
    with org_scope(cast.org_id):
        services.note_heartbeat(org_id=cast.org_id, agent_id=agent.id)

    view = selectors.agent(cast.org_id, agent.id)

    assert (view.state.value, view.verdict.needs_attention, view.is_working) == ("connected", True, False)


def test_same_name_is_the_same_agent_with_nothing_loaded(cast: Cast) -> None:
    first = factories.make_agent(cast, "box")
    factories.make_location(cast, agents=[first])

    second = factories.make_agent(cast, "box")

    assert second.id == first.id
    [view] = selectors.agents(cast.org_id)
    assert view.locations == []


def test_hosts_are_the_agents_that_have_loaded_the_version(cast: Cast) -> None:
    first, second = factories.make_agent(cast, "one"), factories.make_agent(cast, "two")
    location = factories.make_location(cast, agents=[first])
    assert location.current is not None

    hosts = selectors.hosts(cast.org_id, [location.current.id])[location.current.id]

    assert [view.agent.id for view in hosts] == [first.id]
    assert selectors.loaded_elsewhere(cast.org_id, location.current.id, than=second.id)
    assert not selectors.loaded_elsewhere(cast.org_id, location.current.id, than=first.id)


def test_lost_agent_does_not_count_as_having_loaded(cast: Cast) -> None:
    lost, other = factories.make_agent(cast, "lost"), factories.make_agent(cast, "other")
    location = factories.make_location(cast, agents=[lost])
    assert location.current is not None
    age(lost, 600, "registered_at", "last_poll_at")

    assert not selectors.loaded_elsewhere(cast.org_id, location.current.id, than=other.id)


def test_agents_of_another_organization_are_invisible(cast: Cast, outsider: Cast) -> None:
    agent = factories.make_agent(cast)

    assert selectors.agents(outsider.org_id) == []
    with pytest.raises(NotFoundError):
        selectors.agent(outsider.org_id, agent.id)


@pytest.mark.parametrize(
    "fields", [{"name": ""}, {"name": "  "}, {"name": "x" * 101}, {"name": "a\nb"}, {"queues": []}, {"queues": [""]}]
)
def test_names_that_nobody_could_read_are_refused(cast: Cast, fields: dict[str, object]) -> None:
    with pytest.raises(InvalidError):
        factories.make_agent(cast, **{"name": "agent", **fields})  # type: ignore[arg-type]
