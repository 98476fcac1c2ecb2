"""Asking the code workers of agents to evaluate ticks: who is asked, with what, and what a tick says while nobody can be."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from controlplane.automation.models import Instigator, InstigatorKind, Tick, TickStatus
from controlplane.automation.ticks.policies import LOOK, MOST_ATTEMPTS, RETRY, TRAVEL, Policies
from controlplane.deployments.models import CodeLocation
from controlplane.dispatch.calls import Question, ask_workers
from tenants.errors import AppError

PURPOSE = "tick"
# What asking may change of a tick.
ASKED = (
    "status",
    "attempt",
    "command_id",
    "version_id",
    "started_at",
    "look_at",
    "deadline_at",
    "cursor_before",
    "reason",
)


def ask(
    org_id: UUID,
    ticks: Sequence[Tick],
    rows: Mapping[UUID, Instigator],
    policies: Policies,
    now: datetime.datetime,
) -> None:
    """Have these evaluated: each is STARTED, or WAITING with the reason in `reason`. Changes the ticks, and saves none.

    Call it inside org_scope; the questions are sent with the caller's transaction. `rows` are the instigators by id.
    """
    versions = _versions(org_id, [rows[tick.instigator_id] for tick in ticks])
    questions = []
    for tick in ticks:
        row = rows[tick.instigator_id]
        version_id = versions.get((row.deployment_id, row.location_name))
        if version_id is None:
            _wait(tick, now, f"The code location {row.location_name} has loaded no code.")
            continue
        timeout = policies.timeout(row)
        tick.version_id, tick.cursor_before = version_id, row.cursor
        tick.deadline_at = now + datetime.timedelta(seconds=timeout) + TRAVEL
        questions.append(Question(version_id, *question(row, tick.due_at), timeout=timeout, subject_id=tick.id))
    answers = ask_workers(org_id=org_id, purpose=PURPOSE, questions=questions) if questions else {}
    for tick in ticks:
        answer = answers.get(tick.id)
        if isinstance(answer, AppError):
            _wait(tick, now, answer.message)
        elif answer is not None:
            _start(tick, answer, now)


def question(row: Instigator, due_at: datetime.datetime) -> tuple[str, dict[str, Any]]:
    """The call of the code worker, with its arguments (docs/code-worker.md)."""
    if row.kind == InstigatorKind.SCHEDULE:
        return "schedule_tick", {"name": row.name, "due": due_at.timestamp(), "timezone": row.timezone or "UTC"}
    return "sensor_tick", {
        "name": row.name,
        "last_tick": row.last_tick_at.timestamp() if row.last_tick_at else None,
        "last_run_key": row.last_run_key,
        "cursor": row.cursor,
        "started": row.running_since.timestamp() if row.running_since else None,
        # What its answer may ask for.
        "backfills": True,
    }


def version_of(org_id: UUID, row: Instigator) -> UUID | None:
    """The version of its code location that serves; None when none has loaded. Call it inside org_scope."""
    return _versions(org_id, [row]).get((row.deployment_id, row.location_name))


def _versions(org_id: UUID, rows: Sequence[Instigator]) -> dict[tuple[UUID, str], UUID]:
    locations = CodeLocation.objects.for_org(org_id).filter(
        deployment_id__in={row.deployment_id for row in rows},
        name__in={row.location_name for row in rows},
        current__isnull=False,
    )
    found = locations.values_list("deployment_id", "name", "current_id")
    return {(deployment_id, name): version_id for deployment_id, name, version_id in found}


def ask_again(tick: Tick, now: datetime.datetime, why: str) -> bool:
    """Let a tick whose agent cannot answer any more wait for another, from now on; False when it was asked for often enough. Saves nothing."""
    if tick.attempt >= MOST_ATTEMPTS:
        return False
    _wait(tick, now, why)
    tick.waiting_since = tick.look_at = now
    return True


def _start(tick: Tick, command_id: UUID, now: datetime.datetime) -> None:
    tick.status, tick.command_id, tick.started_at = TickStatus.STARTED, command_id, now
    tick.attempt += 1
    tick.reason = ""
    assert tick.deadline_at is not None, "set when it was asked"
    tick.look_at = min(now + LOOK, tick.deadline_at)


def _wait(tick: Tick, now: datetime.datetime, why: str) -> None:
    tick.status, tick.command_id, tick.look_at, tick.deadline_at = TickStatus.WAITING, None, now + RETRY, None
    tick.reason = why
