"""Deleting old history, some of it at a time: the clock wakes it, and it wakes itself while there is more."""

import time
from collections.abc import Sequence

import structlog

from controlplane.core import recordsets
from controlplane.core.background import enqueue
from controlplane.core.old_partitions import partitions
from controlplane.delivery.retention.bites import bite, due_span, mark
from controlplane.delivery.retention.dropping import drop_weeks
from controlplane.delivery.retention.histories import HISTORIES
from controlplane.delivery.retention.policies import Policy, policies
from tenants.errors import UnavailableError

log = structlog.get_logger(__name__)

TASK = "delivery.delete_old_history"
_SLICE_SECONDS = 20.0
# What one deployment has of it before the next gets its turn.
_TURN_SECONDS = 4.0


def sweep() -> None:
    """Drop the weeks that nobody needs, then take the rows of those who keep less than others; goes on in a task of its own.

    One at a time: while another is at it, or about to go on, there is nothing to do here.
    """
    [(is_mine,)] = recordsets.fetch("SELECT pg_try_advisory_lock(hashtext(%s))", [TASK])
    if not is_mine:
        return
    try:
        finished = _slice(time.monotonic() + _SLICE_SECONDS)
    finally:
        recordsets.fetch("SELECT pg_advisory_unlock(hashtext(%s))", [TASK])
    if not finished:
        enqueue(TASK)


def _slice(until: float) -> bool:
    """Whether nothing is left."""
    keeping = policies()
    for kind in HISTORIES:
        drop_weeks(kind, partitions(), keeping)
        due = [policy for policy in keeping if policy.due(kind)]
        if not _all(due, kind, until):
            return False
        if kind == "logs" and due:
            # Their objects are gone only now.
            drop_weeks(kind, partitions(), keeping)
    return True


def _all(due: Sequence[Policy], kind: str, until: float) -> bool:
    """Whether all are finished. Who was served longest ago comes first; who is not finished in a turn goes to the end of the line."""
    finished = True
    for policy in sorted(due, key=lambda policy: policy.served_at(kind)):
        if time.monotonic() > until:
            return False
        finished = _bites(policy, kind, min(until, time.monotonic() + _TURN_SECONDS)) and finished
    return finished


def _bites(policy: Policy, kind: str, until: float) -> bool:
    """Whether it was finished in time. One deployment that fails does not keep the others."""
    try:
        left = due_span(policy, kind)
        while left is not None:
            left = bite(policy, kind, left)
            if left is not None and time.monotonic() > until:
                mark(policy, kind, left[0])
                return False
    except UnavailableError as error:
        log.warning("retention.not_deleted", kind=kind, deployment=str(policy.deployment_id), error=error.message)
    return True
