"""Commands over the wire: leased, delivered again until accepted, then never again."""

import datetime

import pytest
from django.db.models.functions import Now

from agent.protocol import Cancel, Launch
from controlplane.dispatch.models import Command
from controlplane.runs.services import cancel_run
from tenants.scoping import org_scope
from tests import factories
from tests.cast import Cast
from tests.dispatch.observing import lapse, stored_run
from tests.dispatch.wire_agent import WireAgent


def test_queued_run_is_launched_with_everything_it_needs(cast: Cast, loaded_agent: WireAgent) -> None:
    run = factories.queue_run(cast, assets=["raw", "daily"], tags={"team": "data"})

    [launch] = loaded_agent.poll().commands

    assert isinstance(launch, Launch)
    assert (launch.spec.run_id, launch.spec.attempt, launch.spec.epoch) == (str(run.id), 1, 1)
    assert launch.version_id == str(run.version_id)
    assert launch.spec.asset_selection == [["raw"], ["daily"]]
    assert launch.spec.tags["team"] == "data"
    assert launch.run_token.startswith("dgb_run_")


def test_command_is_delivered_again_until_it_is_accepted(cast: Cast, loaded_agent: WireAgent) -> None:
    factories.queue_run(cast)
    [first] = loaded_agent.poll().commands
    assert loaded_agent.poll_now().commands == []

    lapse(cast)
    second = loaded_agent.poll_now().commands

    assert [command.command_id for command in second] == [first.command_id]


def test_accepted_command_is_never_delivered_again(cast: Cast, loaded_agent: WireAgent) -> None:
    factories.queue_run(cast)
    loaded_agent.accept(loaded_agent.poll())

    assert loaded_agent.poll_now().commands == []
    with org_scope(cast.org_id):
        Command.objects.for_org(cast.org_id).update(lease_until=Now() - datetime.timedelta(seconds=1))
    assert loaded_agent.poll_now().commands == []


def test_new_process_gets_at_once_what_the_old_one_did_not_accept(cast: Cast, loaded_agent: WireAgent) -> None:
    factories.queue_run(cast)
    [first] = loaded_agent.poll().commands

    assert loaded_agent.poll_now().commands == []
    loaded_agent.register()

    assert [command.command_id for command in loaded_agent.poll_now().commands] == [first.command_id]


@pytest.mark.parametrize("free_slots", [0, 2])
def test_no_more_runs_than_free_slots(cast: Cast, loaded_agent: WireAgent, free_slots: int) -> None:
    for _ in range(3):
        factories.queue_run(cast)

    assert len(loaded_agent.poll_now(free_slots=free_slots).commands) == free_slots


def test_launches_that_are_not_accepted_yet_take_slots(cast: Cast, loaded_agent: WireAgent) -> None:
    first = factories.queue_run(cast)
    loaded_agent.poll(free_slots=1)
    factories.queue_run(cast)

    assert loaded_agent.poll_now(free_slots=1).commands == []
    lapse(cast)
    again = loaded_agent.poll_now(free_slots=1).commands

    assert [command.spec.run_id for command in again] == [str(first.id)]


def test_run_waits_for_an_agent_that_has_loaded_its_version(cast: Cast, loaded_agent: WireAgent, server: str) -> None:
    run = factories.queue_run(cast)
    other = WireAgent(server, cast.agent_token.text)
    other.register("agent-2")

    assert other.poll().commands == []
    assert [command.spec.run_id for command in loaded_agent.poll().commands] == [str(run.id)]


def test_cancel_reaches_the_agent_that_holds_the_run(cast: Cast, loaded_agent: WireAgent) -> None:
    run = factories.queue_run(cast)
    loaded_agent.accept(loaded_agent.poll())
    cancel_run(org_id=cast.org_id, run_id=run.id, actor=cast.actor)

    [cancel] = loaded_agent.poll().commands

    assert isinstance(cancel, Cancel)
    assert (cancel.run_id, cancel.attempt, cancel.epoch) == (str(run.id), 1, 1)


def test_cancel_of_a_queued_run_needs_no_agent(cast: Cast, loaded_agent: WireAgent) -> None:
    run = factories.queue_run(cast)

    cancel_run(org_id=cast.org_id, run_id=run.id, actor=cast.actor)

    assert stored_run(cast, run.id).status == "CANCELED"
    assert loaded_agent.poll_now().commands == []
