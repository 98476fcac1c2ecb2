"""Which queued runs an agent gets. A query, not a daemon: the poll of an agent claims what it can run now."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from controlplane.core import recordsets
from controlplane.core.index_order import in_index_order
from controlplane.deployments.models import DeploymentKind
from controlplane.fleet.models import Agent
from controlplane.runs import pool_slots, queue_heads, transitions
from controlplane.runs.limit_usage import usage
from controlplane.runs.locking import lock_runs
from controlplane.runs.queue_heads import Heads, Lane, Served
from controlplane.runs.room import Room, room
from controlplane.runs.states import RunStatus
from controlplane.runs.turns import Candidate, Turns
from tenants.limits.models import QuotaName
from tenants.limits.quotas import hold
from tenants.models import ApiToken
from tenants.reach import Reach
from tenants.scoping import org_scope


@dataclass(frozen=True)
class ClaimedRun:
    """A run that now belongs to an agent, under this attempt and epoch, until the lease ends."""

    run_id: UUID
    attempt: int
    epoch: int
    version_id: UUID
    lease_until: datetime.datetime


# A limit that one round of choices filled closes its runs for the next; what is left after these waits for the next poll.
_ROUNDS = 8
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
    """Give this agent the next runs that it can start: of full deployments first, then of branches, each in the order of turns.py.

    Joins the caller's transaction. Claims of one organization wait for each other, so that no limit is overshot.
    """
    if slots <= 0 or not agent.queues:
        return []
    with org_scope(org_id):
        reach = _reach(org_id, agent)
        if reach is None:
            return []
        hold(org_id, QuotaName.CONCURRENT_RUNS)
        # A queue may have been filled this moment, and every week begins with a partition that is new to Postgres.
        with in_index_order():
            due = _due(org_id, agent, reach, slots)
        free = {run for (run,) in recordsets.fetch(_STILL_QUEUED, {"org": org_id, "ids": list(due)})} if due else set()
        due = {run: candidate for run, candidate in due.items() if run in free}
        due = pool_slots.take_for_runs(org_id, due) if due else due
        place = {"org": org_id, "agent": agent.id, "lease": settings.LEASE_SECONDS, "ids": sorted(due)}
        return _claim(org_id, {run: candidate.version_id for run, candidate in due.items()}, place) if due else []


def _reach(org_id: UUID, agent: Agent) -> Reach | None:
    found = ApiToken.objects.for_org(org_id).filter(id=agent.token_id, revoked_at=None).values_list("reach").first()
    return Reach.parse(found[0]) if found is not None else None


def _due(org_id: UUID, agent: Agent, reach: Reach, slots: int) -> dict[UUID, Candidate]:
    """By run, in the order in which they start."""
    lanes = queue_heads.lanes(org_id)
    if not lanes:
        return {}
    free, served = room(org_id, agent.id, reach, slots), queue_heads.served(org_id, agent.id)
    full = [lane for lane in lanes if lane.kind == DeploymentKind.FULL]
    due = _turn(agent, served, free, full, free.runs)
    of_branches = min(free.runs - len(due), free.of_branches)
    if reach.has_branches or reach.deployments:
        of_kind = [lane for lane in lanes if lane.kind == DeploymentKind.BRANCH]
        due |= _turn(agent, served, free, of_kind, of_branches)
    return due


def _turn(agent: Agent, served: Served, free: Room, lanes: Sequence[Lane], slots: int) -> dict[UUID, Candidate]:
    """Of deployments of one kind."""
    if slots <= 0 or not lanes:
        return {}
    turns = _turns(agent.org_id, lanes, free)
    keys = frozenset(key for limits in turns.usage.limits.values() for key in limits.keys)
    heads = Heads(agent, served, keys)
    places = [(lane.deployment_id, lane.share) for lane in lanes]
    due: dict[UUID, Candidate] = {}
    for _round in range(_ROUNDS):
        closed = {of: turns.usage.closed(of) for of, _share in places if turns.has_room(of)}
        open_ = [{**closed[of], "share": share} for of, share in places if of in closed]
        if not open_ or len(due) >= slots:
            break
        page = slots - len(due)
        found = heads.read(open_, but=due, page=page)
        due |= {candidate.id: candidate for candidate in turns.choose(found, page, page)}
        places = sorted(turns.dry)
    return due


def _turns(org_id: UUID, lanes: Sequence[Lane], free: Room) -> Turns:
    most = {lane.deployment_id: free.per_branch if lane.kind == DeploymentKind.BRANCH else lane.most for lane in lanes}
    allowed = {of: limit - free.by_deployment[of] for of, limit in most.items() if limit is not None}
    return Turns(usage(org_id, most), free.by_deployment, free.by_share, allowed)


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
