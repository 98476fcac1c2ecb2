"""What agents answer to calls and reloads: kept once each, and acted on where nobody waits for it."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import msgspec

from agent.protocol import CommandResult
from controlplane.core import recordsets, wakeups
from controlplane.dispatch.calls import Answered, outcome_of
from controlplane.dispatch.models import Command, CommandKind
from controlplane.fleet.models import Agent
from tenants.errors import NotFoundError

# What is acted on is not kept as well.
_KEEP = """
    UPDATE command c SET
        state = CASE WHEN d.error IS NULL THEN 'done' ELSE 'failed' END,
        result = CASE WHEN c.body ->> 'purpose' IS NULL THEN d.result END,
        error = d.error, finished_at = now(), lease_until = NULL
    FROM jsonb_to_recordset(%s::jsonb) AS d(id uuid, result jsonb, error jsonb)
    WHERE c.org_id = %s AND c.agent_id = %s AND c.id = d.id AND c.kind IN ('call', 'reload')
    AND c.state IN ('pending', 'leased', 'accepted')
    RETURNING c.id, c.body ->> 'purpose', c.body ->> 'subject'
"""


def store_results(*, org_id: UUID, agent: Agent, results: Sequence[CommandResult]) -> None:
    """Keep what came of commands, each once. Repeated, too late for whoever asked, or of another agent, it changes nothing.

    Call it inside org_scope: all of them are kept, or none.
    """
    given = {command_id: one for one in results if (command_id := _id(one.command_id)) is not None}
    errors = {command_id: msgspec.to_builtins(one.error) for command_id, one in given.items() if one.error}
    rows = [
        {"id": command_id, "result": one.result, "error": errors.get(command_id)} for command_id, one in given.items()
    ]
    by_purpose: dict[str, list[Answered]] = defaultdict(list)
    awaited = []
    for command_id, purpose, subject in recordsets.fetch(_KEEP, [recordsets.rows(rows), org_id, agent.id]):
        if purpose is None:
            awaited.append(f"command:{command_id}")
            continue
        answer = Answered(UUID(subject), command_id, given[command_id].result, errors.get(command_id))
        by_purpose[purpose].append(answer)
    for purpose, answers in by_purpose.items():
        outcome_of(purpose)(org_id, answers)
    if awaited:
        wakeups.wake(*awaited)


def store_result(*, org_id: UUID, agent: Agent, message: CommandResult) -> None:
    """As `store_results`, for one; NotFoundError for another agent's."""
    command_id = _id(message.command_id)
    mine: Any = Command.objects.for_org(org_id).filter(
        agent_id=agent.id, kind__in=[CommandKind.CALL, CommandKind.RELOAD]
    )
    if command_id is None or not mine.filter(id=command_id).exists():
        raise NotFoundError("This agent was given no such command.")
    store_results(org_id=org_id, agent=agent, results=[message])


def _id(text: str) -> UUID | None:
    with suppress(ValueError):
        return UUID(text)
    return None
