"""Reading ticks, within the rights of who asks: a tick is seen where its instigator is."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from controlplane.automation.instigators import selectors as instigators
from controlplane.automation.models import Instigator, RequestedRun, Tick, TickStatus
from controlplane.deployments.visibility import Visible
from tenants.errors import NotFoundError
from tenants.permissions import Permission
from tenants.scoping import read_scope


@dataclass(frozen=True)
class TickFilter:
    """Which are wanted; `before` and `after` are due times, exclusive."""

    statuses: Sequence[TickStatus] = ()
    before: datetime.datetime | None = None
    after: datetime.datetime | None = None


@dataclass(frozen=True)
class TickView:
    """One tick as its reader sees it, with what became of each run that it asked for, in order; none unless `is_whole`."""

    tick: Tick
    requests: Sequence[RequestedRun]
    # Whether the reader sees all of the code location; else `shown` has left out what it says.
    is_whole: bool


def ticks(visible: Visible, row: Instigator, wanted: TickFilter | None = None) -> QuerySet[Tick]:
    """The ticks of an instigator that the reader sees; order them by `-id`, read them inside org_scope or read_scope, and show what
    `shown` makes of each.
    """
    return _filtered(Tick.objects.for_org(visible.org_id).filter(instigator_id=row.id), wanted)


def ticks_of_deployment(visible: Visible, wanted: TickFilter | None = None) -> QuerySet[Tick]:
    """The ticks of all that the reader sees; as `ticks`."""
    found = Tick.objects.for_org(visible.org_id).filter(deployment_id=visible.deployment_id)
    if not visible.part(Permission.JOB_READ).is_everything:
        found = found.filter(instigator_id__in=instigators.rows(visible).values("id"))
    return _filtered(found, wanted)


def _filtered(found: QuerySet[Tick], wanted: TickFilter | None) -> QuerySet[Tick]:
    wanted = wanted or TickFilter()
    if wanted.statuses:
        found = found.filter(status__in=wanted.statuses)
    if wanted.before is not None:
        found = found.filter(due_at__lt=wanted.before)
    if wanted.after is not None:
        found = found.filter(due_at__gt=wanted.after)
    return found


def tick(visible: Visible, tick_id: UUID) -> TickView:
    """One with its runs; NotFoundError when there is none, or the reader may not know of it."""
    with read_scope(visible.org_id):
        found = Tick.objects.for_org(visible.org_id).filter(id=tick_id, deployment_id=visible.deployment_id).first()
        known = found is not None and instigators.rows(visible).filter(id=found.instigator_id).exists()
        if found is None or not known:
            raise NotFoundError("There is no such tick in this deployment.")
        whole = is_whole(visible, found)
        asked_for = RequestedRun.objects.for_org(visible.org_id).filter(source_id=tick_id).order_by("position")
        requests = list(asked_for) if whole else []
    return TickView(shown(visible, found), requests, is_whole=whole)


def shown(visible: Visible, found: Tick) -> Tick:
    """A tick without what user code said and did, for who does not see all of its code location. It is not to be saved."""
    if not is_whole(visible, found):
        found.cursor_before = found.cursor_after = found.error = None
        found.skip_reason = found.reason = found.log = ""
        found.dynamic_partitions, found.reactions = [], []
    return found


def is_whole(visible: Visible, found: Tick) -> bool:
    """Whether the reader sees all of the code location that this is a tick of."""
    return instigators.sees_all(visible, found.location_name)
