"""Which location versions an agent is told to have loaded."""

from typing import Any

import pytest
from msgspec import structs

from agent import protocol as wire
from controlplane.deployments.models import LocationVersion
from controlplane.deployments.services import delete_location
from tests import factories
from tests.cast import Cast
from tests.dispatch.observing import stored_version
from tests.dispatch.wire_agent import WireAgent


def wanted(agent: WireAgent) -> set[str]:
    """The versions of the newest `Desired`; asks anew, as a new process would."""
    agent.etag = None
    desired = agent.poll(free_slots=0).desired
    assert desired is not None
    return {location.version_id for location in desired.locations}


def report(agent: WireAgent, version: LocationVersion, state: wire.LocationState, **fields: Any) -> None:
    message = wire.LocationReport(agent_id=agent.id, version_id=str(version.id), state=state, **fields)
    agent.send("locations", message, Any)


def test_location_is_described_as_it_was_deployed(cast: Cast, wire_agent: WireAgent) -> None:
    target = wire.Target(
        package_name="shop.defs", working_directory="/srv/shop", executable_path="/srv/venv/bin/python"
    )
    version = factories.deploy(cast, target=target)

    desired = wire_agent.poll().desired

    assert desired is not None
    described = wire.DesiredLocation(version_id=str(version.id), deployment="prod", name="shop", target=target)
    assert [structs.replace(location, environment=None) for location in desired.locations] == [described]
    assert len(desired.locations[0].environment or "") == 32


def test_new_version_beside_the_old_one_until_it_has_loaded(cast: Cast, loaded_agent: WireAgent) -> None:
    [old] = wanted(loaded_agent)
    new = factories.deploy(cast)

    assert wanted(loaded_agent) == {old, str(new.id)}

    loaded_agent.load(str(new.id), cast)

    assert wanted(loaded_agent) == {str(new.id)}


def test_version_that_fails_to_load_leaves_the_old_one_serving(cast: Cast, loaded_agent: WireAgent) -> None:
    [old] = wanted(loaded_agent)
    new = factories.deploy(cast)
    error = wire.ErrorInfo(message="No module named 'shop'", cls="ModuleNotFoundError", stack=["File shop.py"])

    report(loaded_agent, new, wire.LocationState.FAILED, error=error)

    assert wanted(loaded_agent) == {old, str(new.id)}
    stored = stored_version(cast, new)
    assert (stored.state, stored.error["message"]) == ("failed", "No module named 'shop'")
    factories.queue_run(cast)
    [launch] = loaded_agent.poll().commands
    assert launch.version_id == old


def test_failure_on_one_agent_does_not_hide_the_success_on_another(
    cast: Cast, loaded_agent: WireAgent, server: str
) -> None:
    other = WireAgent(server, cast.agent_token.text)
    other.register("agent-2")
    [version_id] = wanted(loaded_agent)

    failed = wire.LocationReport(agent_id=other.id, version_id=version_id, state=wire.LocationState.FAILED)
    other.send("locations", failed, Any)

    assert LocationVersion.objects.across_orgs(reason="a test looks").get(id=version_id).state == "loaded"


def test_version_of_a_launch_under_way_stays_desired(cast: Cast, loaded_agent: WireAgent) -> None:
    [old] = wanted(loaded_agent)
    factories.queue_run(cast)
    loaded_agent.poll()
    new = factories.deploy(cast)

    loaded_agent.load(str(new.id), cast)

    assert wanted(loaded_agent) == {old, str(new.id)}


def test_only_locations_of_the_agent_s_queues(cast: Cast, server: str) -> None:
    agent = WireAgent(server, cast.agent_token.text)
    agent.register(queues=["gpu", "default"])
    ours = {str(factories.deploy(cast, "a").id), str(factories.deploy(cast, "b", queue="gpu").id)}
    factories.deploy(cast, "c", queue="elsewhere")

    assert wanted(agent) == ours


def test_deleted_location_is_wanted_no_more(cast: Cast, loaded_agent: WireAgent) -> None:
    delete_location(org_id=cast.org_id, deployment_id=cast.deployment.id, name="shop", actor=cast.actor)

    assert wanted(loaded_agent) == set()


@pytest.mark.parametrize("manifest", [None, wire.DefinitionsFile(sha256="0" * 64, bytes=2)])
def test_loaded_without_its_manifest_is_refused(
    cast: Cast, wire_agent: WireAgent, manifest: wire.DefinitionsFile | None
) -> None:
    version = factories.deploy(cast)
    message = wire.LocationReport(
        agent_id=wire_agent.id, version_id=str(version.id), state=wire.LocationState.LOADED, manifest=manifest
    )

    response = wire_agent.post("locations", message)

    assert (response.status_code, response.json()["errors"][0]["attr"]) == (400, "manifest")
    assert stored_version(cast, version).state == "pending"


def test_new_process_has_nothing_loaded(cast: Cast, loaded_agent: WireAgent) -> None:
    factories.queue_run(cast)
    loaded_agent.register()

    assert loaded_agent.poll_now().commands == []


def test_unloaded_version_gets_no_runs(cast: Cast, loaded_agent: WireAgent) -> None:
    [version_id] = wanted(loaded_agent)
    unloaded = wire.LocationReport(agent_id=loaded_agent.id, version_id=version_id, state=wire.LocationState.UNLOADED)
    loaded_agent.send("locations", unloaded, Any)
    factories.queue_run(cast)

    assert loaded_agent.poll_now().commands == []
