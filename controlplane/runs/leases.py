"""Leases of attempts: renewed by heartbeats, and ended here when nobody renews them. All by the database's clock.

A lapsed lease means that the agent has not been heard of. An attempt that no agent ever accepted goes back into the queue, but only once
an agent that might yet have it has surely ended it (lease plus grace). One that was accepted may have run: its run fails, and is never
started again by itself.
"""

from collections.abc import Sequence
from uuid import UUID

import structlog
from django.conf import settings

from agent.protocol import AttemptRef, Leases
from controlplane.core import recordsets
from controlplane.runs import reasons, transitions
from controlplane.runs.locking import LockedRun, lock_runs
from controlplane.runs.models import RunAttempt
from controlplane.runs.refs import UnderstoodRef, understood
from controlplane.runs.states import AttemptState, RunStatus
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

# After so many agents that took a run and vanished before accepting it, the run itself is suspected.
LAUNCH_TRIES = 5
_SWEEP_MAX = 1000

# A heartbeat names what runs on the agent: it has accepted that.
_RENEW = """
    UPDATE run_attempt a SET
        lease_until = now() + make_interval(secs => %(lease)s),
        accepted_at = CASE WHEN %(held)s THEN coalesce(a.accepted_at, now()) ELSE a.accepted_at END
    FROM jsonb_to_recordset(%(refs)s::jsonb) AS d(run_id uuid, attempt int, epoch int)
    WHERE a.org_id = %(org)s AND a.run_id = ANY(%(ids)s) AND a.run_id = d.run_id AND a.attempt = d.attempt AND a.epoch = d.epoch
      AND a.agent_id = %(agent)s AND a.state IN ('claimed', 'running') AND a.ended_at IS NULL
"""
# An ended attempt is still this agent's to finish: its last logs are under way. A fenced one is not.
_HELD = """
    SELECT a.run_id, a.attempt, r.status = 'CANCELING' AND a.ended_at IS NULL
    FROM run_attempt a JOIN run r ON r.org_id = a.org_id AND r.id = a.run_id
    JOIN jsonb_to_recordset(%(refs)s::jsonb) AS d(run_id uuid, attempt int, epoch int)
      ON a.run_id = d.run_id AND a.attempt = d.attempt AND a.epoch = d.epoch
    WHERE a.org_id = %(org)s AND a.run_id = ANY(%(ids)s) AND r.id = ANY(%(ids)s) AND a.agent_id = %(agent)s AND a.state <> 'fenced'
"""
_ACCEPT = """
    UPDATE run_attempt a SET accepted_at = coalesce(a.accepted_at, now()), lease_until = now() + make_interval(secs => %(lease)s)
    FROM jsonb_to_recordset(%(refs)s::jsonb) AS d(run_id uuid, attempt int, epoch int)
    WHERE a.org_id = %(org)s AND a.run_id = ANY(%(ids)s) AND a.run_id = d.run_id AND a.attempt = d.attempt AND a.epoch = d.epoch
      AND a.agent_id = %(agent)s AND a.ended_at IS NULL
"""
_LAPSED = """
    SELECT a.run_id, a.attempt, a.accepted_at IS NOT NULL OR a.state = 'running',
           a.lease_until < now() - make_interval(secs => %(grace)s), extract(epoch FROM now() - a.lease_until)::float8,
           coalesce(g.name, a.agent_id::text)
    FROM run_attempt a LEFT JOIN agent g ON g.org_id = a.org_id AND g.id = a.agent_id
    WHERE a.org_id = %(org)s AND a.run_id = ANY(%(ids)s) AND a.ended_at IS NULL AND a.lease_until < now()
    FOR NO KEY UPDATE OF a
"""
_FENCE = """
    UPDATE run_attempt a SET state = 'fenced', ended_at = now() FROM jsonb_to_recordset(%s::jsonb) AS d(run_id uuid, attempt int)
    WHERE a.org_id = %s AND a.run_id = ANY(%s) AND a.run_id = d.run_id AND a.attempt = d.attempt
"""


def renew(*, org_id: UUID, agent_id: UUID, attempts: Sequence[AttemptRef]) -> Leases:
    """Renew what this agent holds; answer what it does not hold any more, and what is being cancelled."""
    refs = [(ref, understood(ref)) for ref in attempts]
    known = [found for _, found in refs if found]
    with org_scope(org_id):
        place = _place(org_id, agent_id, known)
        if known:
            recordsets.execute(_RENEW, {**place, "held": True})
        held = {(row[0], row[1]): row[2] for row in recordsets.fetch(_HELD, place)} if known else {}
    lost = [ref for ref, found in refs if found is None or found.place not in held]
    cancel = [ref for ref, found in refs if found and held.get(found.place)]
    return Leases(lost=lost, cancel=cancel)


def prolong(*, org_id: UUID, agent_id: UUID, attempts: Sequence[AttemptRef]) -> None:
    """A launch is delivered once more: its lease begins anew, and nothing says yet that the agent has it."""
    known = [found for found in map(understood, attempts) if found]
    if known:
        with org_scope(org_id):
            recordsets.execute(_RENEW, {**_place(org_id, agent_id, known), "held": False})


def note_accepted(*, org_id: UUID, agent_id: UUID, attempts: Sequence[AttemptRef]) -> None:
    """The agent has these launches on its disk: from now on they are never given to another by themselves."""
    known = [found for found in map(understood, attempts) if found]
    if known:
        with org_scope(org_id):
            recordsets.execute(_ACCEPT, _place(org_id, agent_id, known))


def _place(org_id: UUID, agent_id: UUID, refs: Sequence[UnderstoodRef]) -> dict[str, object]:
    return {
        "org": org_id,
        "agent": agent_id,
        "lease": settings.LEASE_SECONDS,
        "ids": [ref.run_id for ref in refs],
        "refs": recordsets.rows(refs),
    }


def sweep() -> int:
    """End every lapsed lease of the installation; returns how many runs changed."""
    lapsed = RunAttempt.objects.across_orgs(reason="end leases that nobody renewed")
    found = lapsed.extra(where=["ended_at IS NULL AND lease_until < now()"]).order_by("lease_until")
    by_org: dict[UUID, list[UUID]] = {}
    for org_id, run_id in found.values_list("org_id", "run_id")[:_SWEEP_MAX]:
        by_org.setdefault(org_id, []).append(run_id)
    return sum(_end_lapsed(org_id, run_ids) for org_id, run_ids in by_org.items())


def _end_lapsed(org_id: UUID, run_ids: Sequence[UUID]) -> int:
    """Runs first, then their attempts: what was renewed meanwhile is not found any more."""
    with org_scope(org_id):
        runs = lock_runs(org_id, run_ids)
        place = {"org": org_id, "ids": sorted(runs), "grace": settings.LEASE_GRACE_SECONDS}
        fenced = []
        for run_id, attempt, accepted, surely, overdue, agent in recordsets.fetch(_LAPSED, place):
            run = runs[run_id]
            if run.ended or run.attempt != attempt or _end(run, accepted, surely, overdue, agent):
                fenced.append({"run_id": run_id, "attempt": attempt})
        recordsets.execute(_FENCE, [recordsets.rows(fenced), org_id, sorted(runs)])
        transitions.save(org_id, runs.values())
    return len(fenced)


def _end(run: LockedRun, accepted: bool, surely: bool, overdue: float, agent: str) -> bool:
    """What becomes of a run whose attempt lapsed; False while it is too early to say."""
    if run.status == RunStatus.CANCELING:
        return transitions.move(run, RunStatus.CANCELED, attempt_state=AttemptState.FENCED)
    if not accepted and not surely:
        return False
    if not accepted and run.attempt < LAUNCH_TRIES:
        log.info("run.requeued", run_id=str(run.id), attempt=run.attempt, agent=agent)
        return transitions.move(run, RunStatus.QUEUED)
    silent = settings.LEASE_SECONDS + overdue
    reason = reasons.agent_lost(agent, silent) if accepted else reasons.launch_not_accepted(run.attempt)
    return transitions.move(run, RunStatus.FAILURE, reason=reason, attempt_state=AttemptState.FENCED)
