"""Runs and attempts locked for a change, in the one order that everybody keeps: runs by id, then attempts."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from controlplane.core import recordsets
from controlplane.runs.reasons import Reason
from controlplane.runs.states import TERMINAL, AttemptState, RunStatus


@dataclass
class LockedRun:
    """What a change of a run needs to know of it; the row is locked until the transaction ends."""

    id: UUID
    deployment_id: UUID
    status: RunStatus
    attempt: int
    epoch: int
    agent_id: UUID | None
    location_name: str
    job_name: str
    partition_key: str | None
    claimed_at: datetime.datetime | None
    started_at: datetime.datetime | None
    cancel_requested_by: str
    failure_code: str
    # The database's clock, at the beginning of this transaction.
    now: datetime.datetime

    # Changes, written by transitions.save: each status it went through, and when.
    moves: list[tuple[RunStatus, datetime.datetime]] = field(default_factory=list)
    ended_at: datetime.datetime | None = None
    reason: Reason | None = None
    attempt_state: AttemptState = AttemptState.ENDED

    @property
    def moved(self) -> bool:
        return bool(self.moves)

    @property
    def ended(self) -> bool:
        return self.status in TERMINAL


@dataclass
class LockedAttempt:
    """One attempt, locked."""

    run_id: UUID
    attempt: int
    epoch: int
    agent_id: UUID
    state: AttemptState
    last_seq: int


_RUNS = """
    SELECT id, deployment_id, status, attempt, epoch, agent_id, location_name, job_name, partition_key,
           claimed_at, started_at, cancel_requested_by, failure_code, now()
    FROM run WHERE org_id = %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""
_ATTEMPTS = """
    SELECT run_id, attempt, epoch, agent_id, state, last_seq
    FROM run_attempt WHERE org_id = %s AND run_id = ANY(%s) ORDER BY run_id, attempt FOR NO KEY UPDATE
"""


def lock_runs(org_id: UUID, run_ids: Iterable[UUID]) -> dict[UUID, LockedRun]:
    """The runs that exist, locked. Call it inside `org_scope`."""
    found = recordsets.fetch(_RUNS, [org_id, sorted(set(run_ids))])
    return {row[0]: LockedRun(row[0], row[1], RunStatus(row[2]), *row[3:]) for row in found}


def lock_attempts(org_id: UUID, run_ids: Iterable[UUID]) -> dict[tuple[UUID, int], LockedAttempt]:
    """All attempts of these runs, locked. Lock the runs first."""
    found = recordsets.fetch(_ATTEMPTS, [org_id, sorted(set(run_ids))])
    return {
        (row[0], row[1]): LockedAttempt(row[0], row[1], row[2], row[3], AttemptState(row[4]), row[5]) for row in found
    }
