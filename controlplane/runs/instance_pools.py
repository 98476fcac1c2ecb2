"""Reads and writes about concurrency pools: what a step process asks before and after a step that is in a pool."""

from typing import Any

from controlplane.runs import pool_slots
from controlplane.runs.instance_scope import Arguments, Scope
from controlplane.runs.limits import NONE, limits_of
from controlplane.runs.models import Run
from tenants.errors import InvalidError

_PRIORITY_MAX = 2**31 - 1
# All steps that wait for one pool ask together some twenty times a second, and each at least every fifteen seconds.
_AGAIN_LEAST, _AGAIN_MOST, _AGAIN_RATE = 0.5, 15.0, 20.0


class PoolNames(Arguments, frozen=True):
    """None."""


class Claim(Arguments, frozen=True):
    pool: str
    step: str
    priority: int = 0


class OneStep(Arguments, frozen=True):
    step: str


def pool_config(scope: Scope, _args: PoolNames) -> dict[str, Any]:
    """The deployment's settings, and the limits of the run's own pools: `{"granularity", "default_limit", "run_buffer", "limits"}`."""
    limits = limits_of(scope.org_id, [scope.deployment_id]).get(scope.deployment_id, NONE)
    pools: list[str] = []
    if scope.run_id is not None:
        pools = Run.objects.for_org(scope.org_id).values_list("pools", flat=True).get(id=scope.run_id)
    names = {*pools, *limits.own_pools}
    return {
        "granularity": "run" if limits.by_run else "op",
        "default_limit": limits.default_pool,
        "run_buffer": limits.run_buffer,
        "limits": {name: limit for name in sorted(names) if (limit := limits.of_pool(name)) is not None},
    }


def claim_pool_slot(scope: Scope, args: Claim) -> dict[str, Any]:
    """`{"claimed", "again_after" (seconds)}`: who is far back in a long line asks less often."""
    if not args.pool or len(args.pool) > 500 or len(args.step) > 1000 or "\0" in args.pool + args.step:
        raise InvalidError("The name of a pool has 1 to 500 characters, that of a step at most 1000.", attr="pool")
    if abs(args.priority) > _PRIORITY_MAX:
        raise InvalidError("A priority is a whole number of 32 bits.", attr="priority")
    if scope.run_id is None:
        raise InvalidError("Only steps of runs take slots of pools.", attr="run")
    claimed = pool_slots.claim_for_step(scope.org_id, scope.run_id, args.pool, args.step, args.priority)
    waiting = 0 if claimed else pool_slots.ahead(scope.org_id, scope.run_id, args.pool, args.step)
    return {"claimed": claimed, "again_after": min(_AGAIN_MOST, _AGAIN_LEAST + waiting / _AGAIN_RATE)}


def has_pool_slot(scope: Scope, args: Claim) -> bool:
    if scope.run_id is None:
        return False
    return any(pool_slots.holds(scope.org_id, scope.run_id, args.pool, step) for step in (args.step, ""))


def free_pool_slots(scope: Scope, args: OneStep) -> None:
    if scope.run_id is not None:
        pool_slots.free_step(scope.org_id, scope.run_id, args.step)


METHODS: dict[str, Any] = {
    "pool_config": (PoolNames, pool_config),
    "claim_pool_slot": (Claim, claim_pool_slot),
    "has_pool_slot": (Claim, has_pool_slot),
    "free_pool_slots": (OneStep, free_pool_slots),
}
