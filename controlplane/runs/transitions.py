"""The only writer of `Run.status`. A refused move changes nothing; a terminal status absorbs.

`move` decides in memory, on runs that are locked; `save` writes what changed in one statement each, ends attempts and open steps,
and wakes whoever waits, after the commit.
"""

import datetime
from collections.abc import Iterable
from uuid import UUID

from controlplane.catalog import projections as catalog
from controlplane.catalog.event_order import TAKING
from controlplane.core import recordsets, wakeups
from controlplane.runs import planned_checks, pool_slots, reasons, retry_verdicts
from controlplane.runs.locking import LockedRun, lock_runs
from controlplane.runs.reasons import FailureCode, Reason
from controlplane.runs.states import EVENT_OF_STATUS, TERMINAL, AttemptState, RunStatus, closing_status, may_move


def move_run(*, org_id: UUID, run_id: UUID, status: RunStatus, reason: Reason | None = None) -> bool:
    """Move one run, if its state allows it; False when it does not, or when there is no such run."""
    locked = lock_runs(org_id, [run_id])
    moved = run_id in locked and move(locked[run_id], status, reason=reason)
    save(org_id, locked.values())
    return moved


def move(
    run: LockedRun,
    status: RunStatus,
    *,
    reason: Reason | None = None,
    at: datetime.datetime | None = None,
    attempt_state: AttemptState = AttemptState.ENDED,
) -> bool:
    """Move a locked run in memory. `at` is when it happened by the child's clock; it is kept between what we know for sure."""
    if status == run.status or not may_move(run.status, status):
        return False
    stopped_for_time = run.failure_code == FailureCode.TIMED_OUT_RUNNING
    if status == RunStatus.CANCELED and stopped_for_time:
        # It was we who cancelled it, because it took too long: that is a failure, and its reason stands already.
        status, reason = RunStatus.FAILURE, None
    elif status == RunStatus.CANCELED and reason is None:
        reason = reasons.canceled(run.cancel_requested_by or "its own code")
    run.status = status
    run.moves.append((status, min(at or run.now, run.now)))
    if not (stopped_for_time and status == RunStatus.FAILURE):
        run.reason = reason
    if status == RunStatus.STARTED:
        run.started_at = _between(run.claimed_at, at, run.now)
    if status in TERMINAL:
        run.ended_at = _between(run.started_at or run.claimed_at, at, run.now)
        run.attempt_state = attempt_state
    return True


def _between(
    earliest: datetime.datetime | None, at: datetime.datetime | None, now: datetime.datetime
) -> datetime.datetime:
    moment = min(at or now, now)
    return max(moment, earliest) if earliest else moment


def save(org_id: UUID, runs: Iterable[LockedRun]) -> None:
    """Write the runs that moved, and what follows from it."""
    moved = [run for run in runs if run.moved]
    if not moved:
        return
    recordsets.execute(_SAVE, [recordsets.rows([_row(run) for run in moved]), org_id, [run.id for run in moved]])
    note_moves(org_id, moved)
    # One that goes back into the queue holds nothing either.
    released = [run.id for run in moved if run.ended or run.status == RunStatus.QUEUED]
    if released:
        pool_slots.free_runs(org_id, released)
    ended = [run for run in moved if run.ended]
    if ended:
        _end(org_id, ended)
    announce(org_id, moved)
    for run in moved:
        run.moves.clear()


def note_moves(org_id: UUID, runs: Iterable[LockedRun]) -> None:
    """Keep each move, for whoever follows the statuses of runs."""
    rows = [
        {
            "run_id": run.id,
            "deployment_id": run.deployment_id,
            "job_name": run.job_name,
            "type": EVENT_OF_STATUS[status],
            "at": at,
            "message": run.reason.message if run.reason and status == run.status else "",
        }
        for run in runs
        for status, at in run.moves
    ]
    recordsets.execute(_NOTE, [str(org_id), recordsets.rows(rows), org_id])


def announce(org_id: UUID, runs: Iterable[LockedRun]) -> None:
    """Wake those who watch these runs, the agents that must act on them, and the queue for those that went back."""
    topics = {f"org:{org_id}:runs"}
    for run in runs:
        topics.add(f"run:{run.id}")
        if run.status == RunStatus.CANCELING and run.agent_id:
            topics.add(f"agent:{run.agent_id}")
        if run.status == RunStatus.QUEUED:
            topics.add(f"queue:{org_id}")
    wakeups.wake(*topics)


def announce_queue(org_id: UUID) -> None:
    """Wake the agents of the organization: a limit changed, and what waited may start."""
    wakeups.wake(f"queue:{org_id}")


def announce_events(runs: Iterable[LockedRun]) -> None:
    """Wake those who watch these runs: there are new events, and no new status."""
    topics = {f"run:{run.id}" for run in runs}
    if topics:
        wakeups.wake(*topics)


def _row(run: LockedRun) -> dict[str, object]:
    return {
        "id": run.id,
        "status": run.status,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "code": run.reason.code if run.reason else None,
        "message": run.reason.message if run.reason else None,
        "by": run.cancel_requested_by,
    }


_SAVE = """
    UPDATE run SET
        status = d.status, updated_at = now(), ended_at = d.ended_at,
        started_at = CASE WHEN d.status = 'QUEUED' THEN NULL ELSE d.started_at END,
        claimed_at = CASE WHEN d.status = 'QUEUED' THEN NULL ELSE claimed_at END,
        agent_id = CASE WHEN d.status = 'QUEUED' THEN NULL ELSE agent_id END,
        cancel_requested_by = d.by,
        cancel_requested_at = CASE WHEN d.by <> '' THEN coalesce(cancel_requested_at, now()) END,
        failure_code = CASE WHEN d.status = 'SUCCESS' THEN '' ELSE coalesce(d.code, failure_code) END,
        failure_message = CASE WHEN d.status = 'SUCCESS' THEN '' ELSE coalesce(d.message, failure_message) END
    FROM jsonb_to_recordset(%s::jsonb) AS d(
        id uuid, status text, started_at timestamptz, ended_at timestamptz, code text, message text, by text)
    WHERE run.org_id = %s AND run.id = ANY(%s) AND run.id = d.id
"""


_NOTE = f"""
    {TAKING}
    INSERT INTO run_status_event (org_id, run_id, id, deployment_id, job_name, type, at, message)
    SELECT o.org_id, d.run_id, nextval('asset_event_id_seq'), d.deployment_id, d.job_name, d.type, d.at, d.message
    FROM held, jsonb_to_recordset(%s::jsonb) AS d(run_id uuid, deployment_id uuid, job_name text, type text, at timestamptz, message text),
         (SELECT %s::uuid AS org_id) o
"""


def _end(org_id: UUID, runs: list[LockedRun]) -> None:
    """Free the attempt and its lease, close the steps that were under way, and tell the catalog what will not come any more."""
    ids = [run.id for run in runs]
    ends = recordsets.rows(
        [
            {
                "run_id": run.id,
                "attempt": run.attempt,
                "state": run.attempt_state,
                "step": closing_status(run.status),
                "at": run.ended_at,
            }
            for run in runs
        ]
    )
    recordsets.execute(_END_ATTEMPTS, [ends, org_id, ids])
    recordsets.execute(_END_STEPS, [ends, org_id, ids])
    failed = [run for run in runs if run.status == RunStatus.FAILURE]
    if failed:
        retry_verdicts.write(org_id, failed)
    catalog.record_ends(
        org_id,
        [
            catalog.EndedRun(run.deployment_id, run.id, run.ended_at or run.now, run.status == RunStatus.FAILURE)
            for run in runs
        ],
    )
    planned_checks.note_ends(org_id, ids)


_ENDS = "jsonb_to_recordset(%s::jsonb) AS d(run_id uuid, attempt int, state text, step text, at timestamptz)"
_END_ATTEMPTS = f"""
    UPDATE run_attempt a SET state = d.state, ended_at = now() FROM {_ENDS}
    WHERE a.org_id = %s AND a.run_id = ANY(%s) AND a.run_id = d.run_id AND a.attempt = d.attempt AND a.ended_at IS NULL
"""
_END_STEPS = f"""
    UPDATE step s SET status = d.step, ended_at = greatest(s.started_at, d.at) FROM {_ENDS}
    WHERE s.org_id = %s AND s.run_id = ANY(%s) AND s.run_id = d.run_id AND s.attempt = d.attempt
      AND s.status IN ('starting', 'running', 'retrying')
"""
