"""Slots of concurrency pools: taken by a run with its claim, or by its steps one by one; gone with the run's end.

The order of locks is the same for all: runs, then pools by name. Whoever frees needs no pool.
"""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from controlplane.core import recordsets
from controlplane.runs.limits import Limits, limits_of
from controlplane.runs.turns import Candidate

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(p, 1)) FROM unnest(%s::text[]) p"
_COUNT = """
    SELECT pool, count(*) FROM pool_slot WHERE org_id = %s AND deployment_id = %s AND pool = ANY(%s) AND claimed_at IS NOT NULL GROUP BY 1
"""
_TAKE = """
    INSERT INTO pool_slot (org_id, run_id, pool, step_key, deployment_id, priority, claimed_at)
    SELECT o.org_id, d.run_id, d.pool, '', d.deployment_id, d.priority, now()
    FROM jsonb_to_recordset(%s::jsonb) AS d(run_id uuid, pool text, deployment_id uuid, priority int), (SELECT %s::uuid AS org_id) o
    ON CONFLICT (run_id, pool, step_key) DO NOTHING
"""
_FREE_RUNS = "DELETE FROM pool_slot WHERE org_id = %s AND run_id = ANY(%s)"
_FREE_STEP = "DELETE FROM pool_slot WHERE org_id = %s AND run_id = %s AND step_key = %s"
# Whoever holds this of a run keeps it from ending meanwhile: a slot is never taken for a run that is over.
_ALIVE = """
    SELECT deployment_id, priority FROM run
    WHERE org_id = %s AND id = %s AND status IN ('STARTING', 'STARTED') FOR SHARE
"""
_ASK = """
    INSERT INTO pool_slot (org_id, run_id, pool, step_key, deployment_id, priority) VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (run_id, pool, step_key) DO UPDATE SET priority = excluded.priority WHERE pool_slot.claimed_at IS NULL
"""
# Those that waited longer, or are more urgent, come first: whoever asks gets a slot only when enough are left for these.
_GRANT = """
    UPDATE pool_slot s SET claimed_at = now()
    WHERE s.org_id = %(org)s AND s.run_id = %(run)s AND s.pool = %(pool)s AND s.step_key = %(step)s AND s.claimed_at IS NULL
      AND (SELECT count(*) FROM pool_slot o WHERE o.org_id = %(org)s AND o.deployment_id = %(deployment)s AND o.pool = %(pool)s
           AND (o.claimed_at IS NOT NULL
                OR o.priority > s.priority
                OR (o.priority = s.priority AND (o.asked_at, o.run_id, o.step_key) < (s.asked_at, s.run_id, s.step_key))
           )) < %(limit)s
"""
_HELD = """
    SELECT claimed_at IS NOT NULL FROM pool_slot WHERE org_id = %s AND run_id = %s AND pool = %s AND step_key = %s
"""
_AHEAD = """
    SELECT count(*) FROM pool_slot o, pool_slot s
    WHERE s.org_id = %(org)s AND s.run_id = %(run)s AND s.pool = %(pool)s AND s.step_key = %(step)s
      AND o.org_id = s.org_id AND o.deployment_id = s.deployment_id AND o.pool = s.pool AND o.claimed_at IS NULL
      AND (o.priority > s.priority
           OR (o.priority = s.priority AND (o.asked_at, o.run_id, o.step_key) < (s.asked_at, s.run_id, s.step_key)))
"""


def take_for_runs(org_id: UUID, due: Mapping[UUID, Candidate]) -> dict[UUID, Candidate]:
    """Those of the runs, in order, that got a slot of each of their pools; they are locked. Where steps claim for themselves, all of them."""
    limits = limits_of(org_id, {one.needs.deployment_id for one in due.values() if one.needs.pools})
    holders = {run: one for run, one in due.items() if _holds_pools(limits, one)}
    if not holders:
        return dict(due)
    _lock((one.needs.deployment_id, pool) for one in holders.values() for pool in one.needs.pools)
    used = _used(org_id, holders.values())
    taken, left = [], dict(due)
    for run_id, one in holders.items():
        of = one.needs.deployment_id
        if any(_is_full(limits[of], used.get((of, pool), 0), pool) for pool in one.needs.pools):
            # Steps hold what was counted as free: the setting changed a moment ago.
            del left[run_id]
            continue
        for pool in one.needs.pools:
            used[of, pool] = used.get((of, pool), 0) + 1
            taken.append({"run_id": run_id, "pool": pool, "deployment_id": of, "priority": one.priority})
    recordsets.execute(_TAKE, [recordsets.rows(taken), org_id])
    return left


def _holds_pools(limits: Mapping[UUID, Limits], one: Candidate) -> bool:
    return bool(one.needs.pools) and one.needs.deployment_id in limits and limits[one.needs.deployment_id].by_run


def _is_full(limits: Limits, used: int, pool: str) -> bool:
    limit = limits.of_pool(pool)
    return limit is not None and used >= limit


def _lock(pools: Iterable[tuple[UUID, str]]) -> None:
    recordsets.fetch(_LOCK, [sorted({f"pool:{deployment_id}:{pool}" for deployment_id, pool in pools})])


def _used(org_id: UUID, candidates: Iterable[Candidate]) -> dict[tuple[UUID, str], int]:
    pools: dict[UUID, set[str]] = {}
    for one in candidates:
        pools.setdefault(one.needs.deployment_id, set()).update(one.needs.pools)
    return {
        (deployment_id, pool): count
        for deployment_id, names in pools.items()
        for pool, count in recordsets.fetch(_COUNT, [org_id, deployment_id, sorted(names)])
    }


def claim_for_step(org_id: UUID, run_id: UUID, pool: str, step_key: str, priority: int) -> bool:
    """Take a slot for a step, or stand in line for one; asking again is free. False too when the run does not go on any more.

    Call it inside org_scope.
    """
    alive = recordsets.fetch(_ALIVE, [org_id, run_id])
    if not alive:
        return False
    deployment_id = alive[0][0]
    if holds(org_id, run_id, pool, ""):
        # The run was launched while pools were held by runs: its steps share what it has.
        return True
    limit = limits_of(org_id, [deployment_id])[deployment_id].of_pool(pool)
    _lock([(deployment_id, pool)])
    recordsets.execute(_ASK, [org_id, run_id, pool, step_key, deployment_id, priority])
    place = {"org": org_id, "run": run_id, "pool": pool, "step": step_key, "deployment": deployment_id}
    recordsets.execute(_GRANT, {**place, "limit": 2**31 - 1 if limit is None else limit})
    return holds(org_id, run_id, pool, step_key)


def ahead(org_id: UUID, run_id: UUID, pool: str, step_key: str) -> int:
    """How many steps wait before this one. Call it inside org_scope."""
    [(count,)] = recordsets.fetch(_AHEAD, {"org": org_id, "run": run_id, "pool": pool, "step": step_key})
    return int(count)


def holds(org_id: UUID, run_id: UUID, pool: str, step_key: str) -> bool:
    """Whether the step has its slot. Call it inside org_scope."""
    found = recordsets.fetch(_HELD, [org_id, run_id, pool, step_key])
    return bool(found and found[0][0])


def free_step(org_id: UUID, run_id: UUID, step_key: str) -> None:
    """The step has ended, or waits no more. Call it inside org_scope."""
    recordsets.execute(_FREE_STEP, [org_id, run_id, step_key])


def free_runs(org_id: UUID, run_ids: Sequence[UUID]) -> None:
    """All that these runs hold and wait for. Call it inside org_scope."""
    recordsets.execute(_FREE_RUNS, [org_id, list(run_ids)])
