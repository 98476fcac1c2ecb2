"""Which queued runs an agent gets. A query, not a daemon: the poll of an agent claims what it can run now."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from controlplane.core import recordsets
from controlplane.deployments.models import DeploymentKind
from controlplane.fleet.models import Agent
from controlplane.runs import transitions
from controlplane.runs.locking import lock_runs
from controlplane.runs.room import LIMIT_OF_DEPLOYMENT, UNLIMITED, Room, room
from controlplane.runs.states import RunStatus
from tenants.limits.models import QuotaName
from tenants.limits.quotas import hold
from tenants.models import ApiToken
from tenants.reach import Reach, covers_sql
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
# The first few of each deployment's queue are looked at (index run_queue_of_deployment), so that a backfill of one costs the others nothing.
_DUE = f"""
    SELECT id, version_id FROM (
        SELECT q.id, q.version_id, q.priority,
            coalesce(taken.runs, 0) + row_number() OVER (PARTITION BY d.id ORDER BY q.priority DESC, q.id) AS place
        FROM deployment d
        JOIN api_token t ON t.org_id = d.org_id AND t.id = %(token)s AND t.revoked_at IS NULL
        LEFT JOIN jsonb_to_recordset(%(taken)s::jsonb) AS taken(id uuid, runs int) ON taken.id = d.id
        CROSS JOIN LATERAL (
            SELECT r.id, l.version_id, r.priority FROM run r
            LEFT JOIN code_location c ON c.org_id = r.org_id AND c.id = r.location_id
            JOIN agent_location l ON l.org_id = r.org_id AND l.agent_id = %(agent)s AND l.state = 'loaded'
                 AND l.version_id = coalesce(c.current_id, r.version_id)
            WHERE r.org_id = d.org_id AND r.deployment_id = d.id AND r.status = 'QUEUED' AND r.queue = ANY(%(queues)s)
              AND {covers_sql(location="r.location_name", queue="r.queue")}
            ORDER BY r.priority DESC, r.id
            LIMIT greatest(0, least(%(slots)s::bigint, %(limit)s - coalesce(taken.runs, 0)))
        ) q
        WHERE d.org_id = %(org)s AND d.kind = %(kind)s
    ) due ORDER BY %(order)s LIMIT %(slots)s
"""  # noqa: S608 - the parts are SQL of this repository
# First come first served among full deployments. A branch that has much going on comes after those that have little.
_DUE_FULL = _DUE.replace("%(limit)s", f"coalesce({LIMIT_OF_DEPLOYMENT}, {UNLIMITED})").replace(
    "%(order)s", "priority DESC, id"
)
_DUE_BRANCHES = _DUE.replace("%(limit)s", "%(per_branch)s::int").replace("%(order)s", "place, priority DESC, id")
# Cancelled meanwhile, or about to be: another time.
_STILL_QUEUED = """
    SELECT id FROM run WHERE org_id = %(org)s AND id = ANY(%(ids)s) AND status = 'QUEUED' ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
"""
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
    """Give this agent the next runs that it can start: of full deployments by priority, then first come, first served; and then of branches.

    Joins the caller's transaction. Claims of one organization wait for each other, so that no limit is overshot.
    """
    if slots <= 0 or not agent.queues:
        return []
    with org_scope(org_id):
        reach = _reach(org_id, agent)
        if reach is None:
            return []
        hold(org_id, QuotaName.CONCURRENT_RUNS)
        due = _due(org_id, agent, reach, room(org_id, agent.id, reach, slots))
        place = {"org": org_id, "agent": agent.id, "lease": settings.LEASE_SECONDS}
        free = {run for (run,) in recordsets.fetch(_STILL_QUEUED, {"org": org_id, "ids": list(due)})} if due else set()
        due = {run: version for run, version in due.items() if run in free}
        return _claim(org_id, due, {**place, "ids": sorted(due)}) if due else []


def _reach(org_id: UUID, agent: Agent) -> Reach | None:
    found = ApiToken.objects.for_org(org_id).filter(id=agent.token_id, revoked_at=None).values_list("reach").first()
    return Reach.parse(found[0]) if found is not None else None


def _due(org_id: UUID, agent: Agent, reach: Reach, free: Room) -> dict[UUID, UUID]:
    """Versions by run, in the order in which they start."""
    asked = {
        "org": org_id,
        "agent": agent.id,
        "token": agent.token_id,
        "queues": list(agent.queues),
        "taken": recordsets.rows(free.taken),
    }
    due: dict[UUID, UUID] = {}
    if free.runs > 0:
        due |= dict(recordsets.fetch(_DUE_FULL, {**asked, "kind": DeploymentKind.FULL, "slots": free.runs}))
    of_branches = min(free.runs - len(due), free.of_branches)
    if of_branches > 0 and (reach.has_branches or reach.deployments):
        limits = {"kind": DeploymentKind.BRANCH, "slots": of_branches, "per_branch": free.per_branch}
        due |= dict(recordsets.fetch(_DUE_BRANCHES, {**asked, **limits}))
    return due


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
