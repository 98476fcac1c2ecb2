"""Concurrency pools of a deployment: their limits, who holds their slots, who waits; set a limit, free a slot by hand."""

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from controlplane.definitions.manifest import Manifest, Op
from controlplane.deployments.freezing import require_thawed
from controlplane.deployments.models import Deployment, DeploymentKind
from controlplane.deployments.visibility import Visible
from controlplane.runs import transitions
from controlplane.runs.limits import NONE, limits_of
from controlplane.runs.locking import lock_runs
from controlplane.runs.models import Pool, PoolSlot, Run
from controlplane.runs.states import RunStatus
from controlplane.runs.visible_runs import covered_runs
from tenants.access import Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.permissions import Permission
from tenants.scoping import org_scope

LIMIT_MAX = 1000
_NAME_MAX = 500
# Slots of one pool that are shown; the counts are of all.
_SHOWN = 100


@dataclass(frozen=True)
class Slot:
    """Who holds a slot, or stands in line for one: a run, or one of its steps. `run_id` is None for a run that the caller may not see."""

    run_id: UUID | None
    step_key: str
    since: datetime.datetime
    job_name: str = ""


@dataclass
class PoolView:
    """One pool. `limit` is None for none; `is_own` tells one that was set for it from the default."""

    name: str
    limit: int | None
    is_own: bool
    is_defined: bool
    used: int = 0
    # Steps that stand in line, and runs in the queue that touch the pool.
    steps_waiting: int = 0
    runs_waiting: int = 0
    holders: list[Slot] = field(default_factory=list)
    line: list[Slot] = field(default_factory=list)


@dataclass(frozen=True)
class Pools:
    """All of a deployment; `granularity` is run or op."""

    granularity: str
    default_limit: int | None
    pools: list[PoolView]


def pools(visible: Visible) -> Pools:
    """By name: what the code names, what has a limit of its own, and what is held."""
    org_id, deployment_id = visible.org_id, visible.deployment_id
    defined = {name for found in visible.known_definitions.by_location.values() for name in _named(found.manifest)}
    with org_scope(org_id):
        limits = limits_of(org_id, [deployment_id]).get(deployment_id, NONE)
        slots = list(PoolSlot.objects.for_org(org_id).filter(deployment_id=deployment_id).order_by("asked_at"))
        queued = Run.objects.for_org(org_id).filter(deployment_id=deployment_id, status=RunStatus.QUEUED)
        touched = list(queued.exclude(pools=[]).values_list("pools", flat=True))
        seen = _seen(visible, slots)
    # What no code names any more is known to those alone who see everything.
    sees_all = visible.part(Permission.RUN_READ).is_everything
    names = defined | ({slot.pool for slot in slots} | set(limits.own_pools) if sees_all else set())
    views = {name: PoolView(name, limits.of_pool(name), name in limits.own_pools, name in defined) for name in names}
    for slot in slots:
        if slot.pool in views:
            _count(views[slot.pool], slot, seen)
    for wanted in touched:
        for name in set(wanted) & views.keys():
            views[name].runs_waiting += 1
    granularity = "run" if limits.by_run else "op"
    return Pools(granularity, limits.default_pool, [views[name] for name in sorted(views)])


def _named(manifest: Manifest) -> Iterator[str]:
    for asset in manifest.assets:
        yield from asset.pools
    for job in manifest.jobs:
        yield from _of_ops(job.ops or ())


def _of_ops(ops: Iterable[Op]) -> Iterator[str]:
    for op in ops:
        yield from op.pools
        yield from _of_ops(op.ops or ())


def _seen(visible: Visible, slots: Iterable[PoolSlot]) -> dict[UUID, str]:
    """Jobs of the runs that the caller may see."""
    rows = Run.objects.for_org(visible.org_id).filter(id__in={slot.run_id for slot in slots})
    return dict(covered_runs(visible, Permission.RUN_READ, rows).values_list("id", "job_name"))


def _count(view: PoolView, slot: PoolSlot, seen: dict[UUID, str]) -> None:
    known = slot.run_id in seen
    one = Slot(
        slot.run_id if known else None,
        slot.step_key if known else "",
        slot.claimed_at or slot.asked_at,
        seen.get(slot.run_id, ""),
    )
    if slot.claimed_at is not None:
        view.used += 1
        shown = view.holders
    else:
        view.steps_waiting += 1
        shown = view.line
    if len(shown) < _SHOWN:
        shown.append(one)


def set_limit(visible: Visible, name: str, limit: int | None, *, actor: Actor) -> None:
    """At most so many slots; None for the deployment's default again. Who holds more keeps them until they end."""
    _require(visible)
    if not 0 < len(name) <= _NAME_MAX or "\0" in name:
        raise InvalidError(f"The name of a pool has 1 to {_NAME_MAX} characters.", attr="pool")
    if limit is not None and not 0 <= limit <= LIMIT_MAX:
        raise InvalidError(f"A pool has 0 to {LIMIT_MAX} slots.", attr="limit")
    with org_scope(visible.org_id):
        require_thawed(visible.org_id, visible.deployment_id)
        rows = Pool.objects.for_org(visible.org_id).filter(deployment_id=visible.deployment_id, name=name)
        before = rows.select_for_update().values_list("slots", flat=True).first()
        if limit is None:
            rows.delete()
        else:
            row = Pool(org_id=visible.org_id, deployment_id=visible.deployment_id, name=name, slots=limit)
            Pool.unscoped.bulk_create(
                [row], update_conflicts=True, unique_fields=["deployment_id", "name"], update_fields=["slots"]
            )
        record(
            org_id=visible.org_id,
            actor=actor,
            action="pool.set_limit",
            target=AuditTarget("pool", visible.deployment_id, name),
            before={"limit": before},
            after={"limit": limit},
            deployment_id=visible.deployment_id,
        )
        _wake(visible)


def free(visible: Visible, name: str, run_id: UUID, step_key: str, *, actor: Actor) -> None:
    """Give back a slot whose holder does not, at once. Its step goes on, if it does: then one more than the limit may run."""
    _require(visible)
    with org_scope(visible.org_id):
        lock_runs(visible.org_id, [run_id])
        slots = PoolSlot.objects.for_org(visible.org_id).filter(deployment_id=visible.deployment_id)
        freed, _ = slots.filter(pool=name, run_id=run_id, step_key=step_key).delete()
        if not freed:
            raise NotFoundError("This slot is free already.")
        record(
            org_id=visible.org_id,
            actor=actor,
            action="pool.free_slot",
            target=AuditTarget("pool", visible.deployment_id, name),
            after={"run": str(run_id), "step": step_key},
            deployment_id=visible.deployment_id,
        )
        _wake(visible)


def _require(visible: Visible) -> None:
    visible.require_on_all(Permission.CONCURRENCY_WRITE)
    with org_scope(visible.org_id):
        is_branch = Deployment.objects.for_org(visible.org_id).filter(
            id=visible.deployment_id, kind=DeploymentKind.BRANCH
        )
        refused = is_branch.exists()
    if refused:
        raise ConflictError("The limits of a branch deployment are those of its parent: change them there.")


def _wake(visible: Visible) -> None:
    """Agents look at the queue again."""
    transitions.announce_queue(visible.org_id)
