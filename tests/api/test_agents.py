"""Agents over REST."""

from tests.callers import new_tenant
from tests.factories import make_agent, make_location


def test_agent_is_listed_with_state_cause_and_what_it_loaded():
    alice = new_tenant()
    agent = make_agent(alice.cast, "edge-1")
    location = make_location(alice.cast, agents=[agent])

    (listed,) = alice.api.get(f"{alice.path}agents/").json()["results"]

    assert (listed["name"], listed["state"], listed["queues"]) == ("edge-1", "connected", ["default"])
    assert listed["cause"].startswith("Heard ")
    assert {fact["name"] for fact in listed["facts"]} == {"poll", "heartbeat", "events", "registered"}
    assert [loaded["version_id"] for loaded in listed["locations"]] == [str(location.current_id)]
    assert alice.api.get(f"{alice.path}agents/{agent.id}/").json()["name"] == "edge-1"


def test_agent_of_another_organization_is_not_found():
    alice, mallory = new_tenant(), new_tenant()
    agent = make_agent(alice.cast)

    assert mallory.api.get(f"{mallory.path}agents/{agent.id}/").status_code == 404
    assert mallory.api.get(f"{mallory.path}agents/").json()["results"] == []
