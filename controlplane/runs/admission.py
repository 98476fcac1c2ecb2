"""Which queued runs an agent gets. A query, not a daemon: the poll of an agent claims what it can run now."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from controlplane.core import recordsets
from controlplane.fleet.models import Agent
from controlplane.runs import transitions
from controlplane.runs.locking import lock_runs
from controlplane.runs.states import RunStatus
from tenants.limits.models import QuotaName
from tenants.limits.quotas import hold, limit_lately
from tenants.reach import covers_sql
from tenants.scoping import org_scope


@dataclass(frozen=True)
class ClaimedRun:
    """A run that now belongs to an agent, under this attempt and epoch, until the lease ends."""

    run_id: UUID
    attempt: int
    epoch: int
    version_id: UUID
    lease_until: datetime.datetime


# A run goes to the version its location serves now; where that is not known any more, to the one it was requested for.
# An agent gets nothing outside the reach of its token, and nothing at all with a dead one.
# Fairness between the deployments of an organization will be another ORDER BY.
_DUE = f"""
    SELECT r.id, l.version_id FROM run r
    JOIN api_token t ON t.org_id = r.org_id AND t.id = %(token)s AND t.revoked_at IS NULL
    JOIN deployment d ON d.org_id = r.org_id AND d.id = r.deployment_id
    LEFT JOIN code_location c ON c.org_id = r.org_id AND c.id = r.location_id
    JOIN agent_location l ON l.org_id = r.org_id AND l.agent_id = %(agent)s AND l.state = 'loaded'
         AND l.version_id = coalesce(c.current_id, r.version_id)
    WHERE r.org_id = %(org)s AND r.status = 'QUEUED' AND r.queue = ANY(%(queues)s)
      AND {covers_sql(location="r.location_name", queue="r.queue")}
    ORDER BY r.priority DESC, r.id LIMIT %(slots)s
    FOR NO KEY UPDATE OF r SKIP LOCKED
"""  # noqa: S608 - the parts are SQL of this repository
_UNDER_WAY = "SELECT count(*) FROM run WHERE org_id = %s AND status IN ('STARTING', 'STARTED', 'CANCELING')"
_UNLIMITED = 2**31
_CLAIM = """
    UPDATE run r SET attempt = r.attempt + 1, epoch = r.epoch + 1, agent_id = %(agent)s, claimed_at = now(), version_id = d.version_id
    FROM jsonb_to_recordset(%(rows)s::jsonb) AS d(id uuid, version_id uuid)
    WHERE r.org_id = %(org)s AND r.id = ANY(%(ids)s) AND r.id = d.id
"""
_ATTEMPTS = """
    INSERT INTO run_attempt (org_id, run_id, attempt, epoch, agent_id, state, lease_until, last_seq, mode, mode_reason, claimed_at,
                             exit_reason, exit_signal)
    SELECT r.org_id, r.id, r.attempt, r.epoch, r.agent_id, 'claimed', now() + make_interval(secs => %(lease)s), 0, '', '', now(), '', ''
    FROM run r WHERE r.org_id = %(org)s AND r.id = ANY(%(ids)s)
    RETURNING run_id, attempt, epoch, lease_until
"""


def claim_runs(*, org_id: UUID, agent: Agent, slots: int) -> list[ClaimedRun]:
    """Give this agent the next runs that it can start: by priority, then first come, first served. Joins the caller's transaction."""
    if slots <= 0 or not agent.queues:
        return []
    with org_scope(org_id):
        place = {"org": org_id, "agent": agent.id, "lease": settings.LEASE_SECONDS}
        slots = min(slots, _room(org_id))
        if slots <= 0:
            return []
        asked = {**place, "token": agent.token_id, "queues": list(agent.queues), "slots": slots}
        due: dict[UUID, UUID] = dict(recordsets.fetch(_DUE, asked))
        if not due:
            return []
        return _claim(org_id, due, {**place, "ids": sorted(due)})


def _room(org_id: UUID) -> int:
    """How many more runs of the organization may go on at once. Claims of one organization wait for each other, so none goes too far."""
    allowed = limit_lately(org_id, QuotaName.CONCURRENT_RUNS)
    if allowed is None:
        return _UNLIMITED
    hold(org_id, QuotaName.CONCURRENT_RUNS)
    return allowed - runs_under_way(org_id)


def runs_under_way(org_id: UUID) -> int:
    """How many runs of the organization some agent has."""
    [(count,)] = recordsets.fetch(_UNDER_WAY, [org_id])
    return int(count)


def _claim(org_id: UUID, due: dict[UUID, UUID], place: dict[str, object]) -> list[ClaimedRun]:
    rows = recordsets.rows([{"id": run, "version_id": version} for run, version in due.items()])
    recordsets.execute(_CLAIM, {**place, "rows": rows})
    runs = lock_runs(org_id, due)
    for run in runs.values():
        transitions.move(run, RunStatus.STARTING)
    transitions.save(org_id, runs.values())
    claimed = recordsets.fetch(_ATTEMPTS, place)
    found = {run: ClaimedRun(run, attempt, epoch, due[run], lease) for run, attempt, epoch, lease in claimed}
    # In the order of the queue, which `due` still has.
    return [found[run] for run in due]
