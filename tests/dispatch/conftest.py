"""One server for all tests of the wire, and an agent with a loaded location. Nothing of ours is imported before the settings are."""

from collections.abc import Iterator
from typing import Any

import pytest

# Polls are held long enough for a busy machine: what nothing is to come of asks with `poll_now`. Leases end by hand (observing.lapse).
SETTINGS = {"DAGGERBOARD_AGENT_POLL_WAIT_SECONDS": "8", "DAGGERBOARD_LEASE_SECONDS": "600"}


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a control plane with short times."""
    from tests.dispatch.server import running_server

    with running_server(SETTINGS) as url:
        yield url


@pytest.fixture
def wire_agent(server: str, cast: Any) -> Any:
    """A registered agent of the cast's organization, with nothing loaded."""
    from tests.dispatch.wire_agent import WireAgent

    agent = WireAgent(server, cast.agent_token.text)
    agent.register()
    return agent


@pytest.fixture
def loaded_agent(wire_agent: Any, cast: Any) -> Any:
    """An agent that has loaded the location `shop` of the deployment `prod`."""
    from tests import factories

    version = factories.deploy(cast)
    wire_agent.poll()
    wire_agent.load(str(version.id), cast)
    return wire_agent
