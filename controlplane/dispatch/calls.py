"""Asking user code a short question through an agent: waiting for the answer, or having it acted on when it comes."""

import datetime
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from controlplane.core import wakeups
from controlplane.core.threads import with_connections_returned
from controlplane.deployments.branches import wake
from controlplane.deployments.models import LocationVersion
from controlplane.dispatch.errors import CallFailedError
from controlplane.dispatch.models import Command, CommandKind, CommandState
from controlplane.fleet.reach import reaching
from controlplane.fleet.selectors import AgentView, hosts
from tenants.errors import AppError, UnavailableError
from tenants.scoping import org_scope

# How long a lost wake-up delays an answer.
_POLL_SECONDS = 0.5
# The answer of user code that takes its whole time still has to travel.
_TRAVEL_SECONDS = 2.0
_ANSWERED = (CommandState.DONE, CommandState.FAILED)


@dataclass(frozen=True)
class Answered:
    """The answer to a call that nobody waits for: the id it was asked for, and the result or the error."""

    subject_id: UUID
    command_id: UUID
    result: Any
    error: dict[str, Any] | None


# Acts on answers that came together. It runs in the transaction that keeps them, and only once for each: what it raises leaves all of
# them unkept, and the agent sends each again on its own.
Outcome = Callable[[UUID, Sequence[Answered]], None]
_OUTCOMES: dict[str, Outcome] = {}


def register_outcome(purpose: str, act: Outcome) -> None:
    """`act(org_id, answers)` on the answers to calls that were asked for this purpose."""
    _OUTCOMES[purpose] = act


def outcome_of(purpose: str) -> Outcome:
    """Who acts on the answers to calls of this purpose."""
    return _OUTCOMES[purpose]


# For callers inside a transaction, whose command nobody else could see before the answer.
_BESIDE = ThreadPoolExecutor(max_workers=4, thread_name_prefix="calls")


def call_worker(*, org_id: UUID, version_id: UUID, op: str, args: dict[str, Any], timeout: float) -> Any:
    """The answer of the code worker (docs/code-worker.md, Calls).

    UnavailableError when no connected agent has the version loaded or it does not answer in time; CallFailedError with what user
    code raised.
    """
    if transaction.get_connection().in_atomic_block:
        asked = _BESIDE.submit(with_connections_returned, _call, org_id, version_id, op, args, timeout)
        return asked.result()
    return _call(org_id, version_id, op, args, timeout)


def ask_worker(
    *, org_id: UUID, version_id: UUID, op: str, args: dict[str, Any], timeout: float, purpose: str, subject_id: UUID
) -> UUID:
    """Ask without waiting: whoever registered for the purpose acts on the answer. The command's id. Joins the caller's transaction.

    UnavailableError as `call_worker`. A call that nobody answers within `timeout` and a little more never gets an outcome: the caller
    keeps that time itself.
    """
    assert purpose in _OUTCOMES, "an answer that nobody acts on is lost"
    agent_id = _host(org_id, version_id)
    question = {"op": op, "args": args, "timeout": timeout, "purpose": purpose, "subject": str(subject_id)}
    return _ask(org_id, agent_id, version_id, question)


@dataclass(frozen=True)
class Question:
    """What `ask_workers` asks: `timeout` in seconds, `subject_id` as in `ask_worker`."""

    version_id: UUID
    op: str
    args: dict[str, Any]
    timeout: float
    subject_id: UUID


def ask_workers(*, org_id: UUID, purpose: str, questions: Sequence[Question]) -> dict[UUID, UUID | AppError]:
    """As `ask_worker`, many at once: by subject the id of its command, or why nobody could be asked."""
    assert purpose in _OUTCOMES, "an answer that nobody acts on is lost"
    with org_scope(org_id):
        asked = {version_id: _host_or_why(org_id, version_id) for version_id in {one.version_id for one in questions}}
        commands = [
            _command(org_id, host, one.version_id, {**_body(one), "purpose": purpose, "subject": str(one.subject_id)})
            for one in questions
            if isinstance(host := asked[one.version_id], UUID)
        ]
        Command.unscoped.bulk_create(commands)
        wakeups.wake(*{f"agent:{command.agent_id}" for command in commands})
    ids = {UUID(command.body["subject"]): command.id for command in commands}
    reasons = {one.subject_id: why for one in questions if isinstance(why := asked[one.version_id], AppError)}
    return {**ids, **reasons}


def _body(question: Question) -> dict[str, Any]:
    return {"op": question.op, "args": question.args, "timeout": question.timeout}


def _host_or_why(org_id: UUID, version_id: UUID) -> UUID | AppError:
    try:
        return _host(org_id, version_id)
    except AppError as error:
        return error


def _call(org_id: UUID, version_id: UUID, op: str, args: dict[str, Any], timeout: float) -> Any:
    agent_id = _host(org_id, version_id)
    command_id = _ask(org_id, agent_id, version_id, {"op": op, "args": args, "timeout": timeout})
    until = time.monotonic() + timeout + _TRAVEL_SECONDS
    with wakeups.listening_sync(f"command:{command_id}") as listener:
        while (command := _read(org_id, command_id)).state not in _ANSWERED:
            left = until - time.monotonic()
            if left <= 0:
                _give_up(org_id, command_id)
                raise UnavailableError(f"The code location did not answer within {timeout:.0f} s. Is its agent busy?")
            listener.wait(min(left, _POLL_SECONDS))
    if command.state == CommandState.FAILED:
        raise CallFailedError(command.error or {}, command.result)
    return command.result


def _host(org_id: UUID, version_id: UUID) -> UUID:
    working = [view for view in hosts(org_id, [version_id])[version_id] if view.is_working]
    working = _within_reach(org_id, working, version_id)
    if not working:
        _wake_if_asleep(org_id, version_id)
        raise UnavailableError("No agent that is connected has loaded this version of the code location.")
    return working[0].agent.id


def _wake_if_asleep(org_id: UUID, version_id: UUID) -> None:
    """UnavailableError when its branch slept: agents load it now, which takes longer than anybody waits for an answer."""
    with org_scope(org_id):
        versions = LocationVersion.objects.for_org(org_id).select_related("location__deployment")
        version = versions.filter(id=version_id).first()
        deployment = version.location.deployment if version is not None else None
        if deployment is None or deployment.is_awake:
            return
        wake(org_id=org_id, deployment_id=deployment.id)
    raise UnavailableError(
        f"The branch deployment {deployment.name} was asleep and is waking up. Try again in a moment."
    )


def _within_reach(org_id: UUID, agents: list[AgentView], version_id: UUID) -> list[AgentView]:
    """Those that may still serve it: what an agent has loaded can have left the reach of its token since."""
    with org_scope(org_id):
        versions = LocationVersion.objects.for_org(org_id).filter(id=version_id)
        version = versions.select_related("location", "location__deployment").first()
        return reaching(org_id, agents, version.location) if version is not None else []


def _ask(org_id: UUID, agent_id: UUID, version_id: UUID, question: dict[str, Any]) -> UUID:
    with org_scope(org_id):
        command = _command(org_id, agent_id, version_id, question)
        Command.unscoped.bulk_create([command])
        wakeups.wake(f"agent:{agent_id}")
    return command.id


def _command(org_id: UUID, agent_id: UUID, version_id: UUID, question: dict[str, Any]) -> Command:
    patience = datetime.timedelta(seconds=question["timeout"] + _TRAVEL_SECONDS)
    return Command(
        org_id=org_id,
        agent_id=agent_id,
        kind=CommandKind.CALL,
        version_id=version_id,
        body={"version_id": str(version_id), **question},
        expires_at=Now() + patience,
    )


def _read(org_id: UUID, command_id: UUID) -> Command:
    with org_scope(org_id):
        return Command.objects.for_org(org_id).get(id=command_id)


def _give_up(org_id: UUID, command_id: UUID) -> None:
    with org_scope(org_id):
        unanswered = Command.objects.for_org(org_id).filter(id=command_id).exclude(state__in=_ANSWERED)
        unanswered.update(state=CommandState.EXPIRED, finished_at=Now())
