"""Questions to user code, asked from a thread of the control plane and answered by an agent over the wire."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db.models.functions import Now

from agent.protocol import Call, CommandResult, ErrorInfo
from controlplane.core.threads import with_connections_returned
from controlplane.deployments.selectors import location
from controlplane.dispatch.calls import ask_worker, call_worker
from controlplane.dispatch.errors import CallFailedError
from controlplane.dispatch.models import Command
from controlplane.dispatch.sweeps import sweep_commands
from tenants.errors import UnavailableError
from tenants.scoping import org_scope
from tests import factories
from tests.cast import Cast
from tests.dispatch.observing import stored_command
from tests.dispatch.wire_agent import WireAgent


def ask(cast: Cast, *, timeout: float = 200.0) -> Any:
    version = location(cast.org_id, cast.deployment.id, "shop").current
    assert version is not None
    return call_worker(
        org_id=cast.org_id, version_id=version.id, op="validate_run_config", args={"job": "nightly"}, timeout=timeout
    )


def answering(agent: WireAgent, answer: dict[str, Any]) -> threading.Thread:
    """Poll until a call comes, and answer it."""

    def run() -> None:
        calls: list[Any] = []
        while not calls:
            calls = agent.poll(free_slots=0).commands
        [call] = calls
        assert isinstance(call, Call)
        assert (call.op, call.args) == ("validate_run_config", {"job": "nightly"})
        agent.send("results", CommandResult(agent_id=agent.id, command_id=call.command_id, **answer), dict)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_answer_comes_back(cast: Cast, loaded_agent: WireAgent) -> None:
    agent = answering(loaded_agent, {"result": {"valid": True, "errors": []}})

    assert ask(cast) == {"valid": True, "errors": []}
    agent.join()


def test_call_inside_a_transaction_is_answered_too(cast: Cast, loaded_agent: WireAgent) -> None:
    agent = answering(loaded_agent, {"result": 7})

    with org_scope(cast.org_id):
        assert ask(cast) == 7
    agent.join()


def test_error_of_user_code_is_raised_with_its_traceback(cast: Cast, loaded_agent: WireAgent) -> None:
    error = ErrorInfo(message="no such job", cls="KeyError", stack=["File x"])
    agent = answering(loaded_agent, {"error": error})

    with pytest.raises(CallFailedError, match="no such job") as failed:
        ask(cast)

    assert failed.value.error == {"message": "no such job", "cls": "KeyError", "stack": ["File x"]}
    agent.join()


def test_without_an_agent_that_loaded_the_version_nobody_waits(cast: Cast) -> None:
    factories.make_location(cast)

    with pytest.raises(UnavailableError, match="No agent"):
        ask(cast)


def test_call_that_is_not_answered_ends_at_its_deadline_and_is_not_delivered_later(
    cast: Cast, loaded_agent: WireAgent
) -> None:
    with pytest.raises(UnavailableError, match="did not answer"):
        ask(cast, timeout=0.1)

    assert loaded_agent.poll_now(free_slots=0).commands == []


def test_answer_is_kept_once(cast: Cast, loaded_agent: WireAgent) -> None:
    with ThreadPoolExecutor(1) as one:
        asked = one.submit(with_connections_returned, ask, cast)
        [call] = loaded_agent.poll_for_commands(free_slots=0)
        for result in ("first", "second"):
            message = CommandResult(agent_id=loaded_agent.id, command_id=call.command_id, result=result)
            loaded_agent.send("results", message, dict)
        assert asked.result() == "first"

    assert stored_command(cast, call.command_id).result == "first"


def test_accepted_call_past_its_deadline_is_swept(cast: Cast, loaded_agent: WireAgent) -> None:
    version = location(cast.org_id, cast.deployment.id, "shop").current
    assert version is not None
    asked = {"op": "sensor_tick", "args": {}, "timeout": 200, "purpose": "tick", "subject_id": uuid.uuid4()}
    command_id = str(ask_worker(org_id=cast.org_id, version_id=version.id, **asked))
    work = loaded_agent.poll(free_slots=0)
    loaded_agent.accept(work)
    loaded_agent.poll_now(free_slots=0)
    assert stored_command(cast, command_id).state == "accepted"

    sweep_commands()
    assert stored_command(cast, command_id).state == "accepted"
    with org_scope(cast.org_id):
        Command.objects.for_org(cast.org_id).filter(id=command_id).update(expires_at=Now())
    sweep_commands()

    assert stored_command(cast, command_id).state == "expired"


def test_result_of_another_agent_s_command_is_refused(cast: Cast, loaded_agent: WireAgent, server: str) -> None:
    other = WireAgent(server, cast.agent_token.text)
    other.register("agent-2")
    with ThreadPoolExecutor(1) as one:
        asked = one.submit(with_connections_returned, ask, cast)
        [call] = loaded_agent.poll_for_commands(free_slots=0)
        message = CommandResult(agent_id=other.id, command_id=call.command_id, result="stolen")

        assert other.post("results", message).status_code == 404
        message = CommandResult(agent_id=loaded_agent.id, command_id=call.command_id, result="its own")
        loaded_agent.send("results", message, dict)
        assert asked.result() == "its own"
