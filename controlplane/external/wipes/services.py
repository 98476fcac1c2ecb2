"""Wiping assets: asked for at once, done in small bites by a task that may be killed anywhere and goes on where it was."""

import datetime
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from django.db.models.functions import Now

from controlplane.catalog import wiping
from controlplane.catalog.wiping import Wiped
from controlplane.core import wakeups
from controlplane.core.background import enqueue
from controlplane.deployments.freezing import require_thawed
from controlplane.external.models import AssetWipe
from controlplane.runs import event_bounds
from tenants.access import Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import InvalidError
from tenants.organizations import require_writable
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

TASK = "external.wipe_asset"
# A bite of states; one of the history is wiping.BITE_ROWS.
_BITE_PARTITIONS = 5000
PARTITIONS_MAX = 1_000_000
# Kept with the wipe once it is done, and named in the audit log.
NAMED = 20
_SLICE_SECONDS = 20.0
# Longer than a slice: nobody else begins meanwhile.
_LEASE_SECONDS = 60


def wipe_asset(
    *, org_id: UUID, deployment_id: UUID, asset_key: str, partitions: Sequence[str] | None, actor: Actor
) -> AssetWipe:
    """Ask for an asset, or some of its partitions, to be forgotten: materializations, observations, and evaluations of checks until now.

    InvalidError for no partitions, or for more than one wipe takes.
    """
    wanted = None if partitions is None else sorted({event_bounds.key(name) for name in partitions})
    if wanted is not None:
        require_few(wanted)
    with org_scope(org_id):
        require_writable(org_id)
        require_thawed(org_id, deployment_id)
        made = AssetWipe.objects.create_in(
            org_id,
            deployment_id=deployment_id,
            asset_key=asset_key,
            partitions=wanted,
            partition_count=len(wanted or ()),
            up_to_id=wiping.newest_id(),
            actor_label=actor.label[:254],
        )
        record(
            org_id=org_id,
            actor=actor,
            action="asset.wipe",
            target=AuditTarget("asset", asset_key, asset_key),
            after={"partitions": "all"} if wanted is None else {"partitions": wanted[:NAMED], "count": len(wanted)},
            deployment_id=deployment_id,
        )
        enqueue(TASK, org_id=org_id, wipe_id=made.id)
    return made


def require_few(partitions: Sequence[str]) -> None:
    """InvalidError for no partitions, or for more than one wipe takes."""
    if not 0 < len(partitions) <= PARTITIONS_MAX:
        raise InvalidError(
            f"1 to {PARTITIONS_MAX:,} partitions are wiped at once; these are {len(partitions):,}.", attr="partitions"
        )


def sweep() -> None:
    """Go on with every wipe that is due."""
    due = AssetWipe.objects.across_orgs(reason="go on wiping assets").filter(due_at__lte=Now())
    for org_id, wipe_id in list(due.order_by("due_at").values_list("org_id", "id")[:50]):
        try:
            go_on(org_id=org_id, wipe_id=wipe_id)
        except Exception:
            # A mistake of ours in one, or a lost connection: the others go on. This one comes again when its lease is over.
            log.exception("asset.not_wiped", org_id=str(org_id), wipe_id=str(wipe_id))


def go_on(*, org_id: UUID, wipe_id: UUID) -> None:
    """Work on one wipe for a while. Nothing happens when it has ended, or somebody else is at it."""
    wipe = _take(org_id, wipe_id)
    if wipe is None:
        return
    until = time.monotonic() + _SLICE_SECONDS
    partitions = None if wipe.partitions is None else frozenset(wipe.partitions)
    for step in (_wipe_states, _wipe_history):
        while not step(wipe, partitions):
            if time.monotonic() > until:
                _update(wipe, due_at=Now())
                enqueue(TASK, org_id=org_id, wipe_id=wipe.id)
                return
    _end(wipe, partitions)
    log.info("asset.wiped", org_id=str(org_id), wipe_id=str(wipe_id), events=wipe.events_deleted)


def _take(org_id: UUID, wipe_id: UUID) -> AssetWipe | None:
    """The wipe, held for as long as a slice takes."""
    with org_scope(org_id):
        rows = AssetWipe.objects.for_org(org_id).filter(id=wipe_id, due_at__lte=Now())
        if rows.update(due_at=Now() + datetime.timedelta(seconds=_LEASE_SECONDS)) != 1:
            return None
        return AssetWipe.objects.for_org(org_id).get(id=wipe_id)


def _wipe_states(wipe: AssetWipe, _partitions: frozenset[str] | None) -> bool:
    """A bite of the latest states; whether they are done."""
    with org_scope(wipe.org_id):
        wiped = _wiped(wipe)
        if wipe.partitions is None and wipe.events_seen_to:
            return True
        if wipe.partitions is None and not wipe.partitions_done:
            wiping.wipe_asset_states(wiped)
            wiped.note()
        bite = _next_partitions(wipe, wiped)
        if not bite:
            return True
        wiping.wipe_partition_states(wiped, bite)
        wiped.note()
        wipe.partitions_done += len(bite)
        _update(wipe, partitions_done=wipe.partitions_done)
        return wipe.partitions is not None and wipe.partitions_done >= wipe.partition_count


def _next_partitions(wipe: AssetWipe, wiped: Wiped) -> Sequence[str]:
    if wipe.partitions is None:
        return wiping.some_partitions_left(wiped, _BITE_PARTITIONS)
    named: Sequence[str] = wipe.partitions[wipe.partitions_done : wipe.partitions_done + _BITE_PARTITIONS]
    return named


def _wipe_history(wipe: AssetWipe, partitions: frozenset[str] | None) -> bool:
    """A bite of the history; whether it is done."""
    with org_scope(wipe.org_id):
        bite = wiping.wipe_history(_wiped(wipe), partitions, after_id=wipe.events_seen_to)
        wipe.events_deleted += bite.deleted
        wipe.events_seen_to = wipe.up_to_id if bite.seen_to is None else bite.seen_to
        _update(wipe, events_deleted=wipe.events_deleted, events_seen_to=wipe.events_seen_to)
        return bite.seen_to is None


def _end(wipe: AssetWipe, partitions: frozenset[str] | None) -> None:
    """The latest of the asset follows from what is left; who follows the asset is told."""
    with org_scope(wipe.org_id):
        wiped = _wiped(wipe)
        if partitions is not None:
            wiping.settle(wiped, partitions)
        wiped.note()
        # The names are of no use any more, and many.
        named = None if wipe.partitions is None else wipe.partitions[:NAMED]
        _update(wipe, ended_at=Now(), due_at=None, partitions=named)
        wakeups.wake(f"org:{wipe.org_id}:runs")


def _wiped(wipe: AssetWipe) -> Wiped:
    return Wiped(wipe.org_id, wipe.deployment_id, wipe.asset_key, wipe.up_to_id)


def _update(wipe: AssetWipe, **fields: Any) -> None:
    with org_scope(wipe.org_id):
        AssetWipe.objects.for_org(wipe.org_id).filter(id=wipe.id).update(**fields)
