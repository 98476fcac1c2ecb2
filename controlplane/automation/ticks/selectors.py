"""Reading ticks, within the rights of who asks: a tick is seen where its instigator is."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from controlplane.automation.backfills import selectors as backfills
from controlplane.automation.instigators import selectors as instigators
from controlplane.automation.models import Instigator, RequestedRun, Tick, TickStatus
from controlplane.deployments.visibility import Visible
from tenants.errors import NotFoundError
from tenants.ids import first_uuid7_at
from tenants.permissions import Permission
from tenants.scoping import read_scope

_MILLISECOND = datetime.timedelta(milliseconds=1)
# Between the database's and ours.
_CLOCKS = datetime.timedelta(hours=1)
_FIRST = datetime.datetime(1970, 1, 2, tzinfo=datetime.UTC)
_LAST = datetime.datetime(9000, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class TickFilter:
    """Which are wanted; `before` and `after` are due times, exclusive."""

    statuses: Sequence[TickStatus] = ()
    before: datetime.datetime | None = None
    after: datetime.datetime | None = None


@dataclass(frozen=True)
class TickView:
    """One tick as its reader sees it, with what became of each run that it asked for, in order, and the backfills that it started, of those
    that are seen; none unless `is_whole`.
    """

    tick: Tick
    requests: Sequence[RequestedRun]
    backfills: Sequence[UUID]
    # Whether the reader sees all of the code location; else `shown` has left out what it says.
    is_whole: bool


def ticks(visible: Visible, row: Instigator, wanted: TickFilter | None = None) -> QuerySet[Tick]:
    """The ticks of an instigator that the reader sees; order them by `-id`, read them inside org_scope or read_scope, and show what
    `shown` makes of each.
    """
    return _filtered(visible, Tick.objects.for_org(visible.org_id).filter(instigator_id=row.id), wanted)


def ticks_of_deployment(visible: Visible, wanted: TickFilter | None = None) -> QuerySet[Tick]:
    """The ticks of all that the reader sees; as `ticks`."""
    found = Tick.objects.for_org(visible.org_id).filter(deployment_id=visible.deployment_id)
    if not visible.part(Permission.JOB_READ).is_everything:
        found = found.filter(instigator_id__in=instigators.rows(visible).values("id"))
    return _filtered(visible, found, wanted)


def without_log(org_id: UUID) -> QuerySet[Tick]:
    """What a page of ticks is read from; the page itself is found by one of the above, and `shown` makes of each what its reader may see."""
    return Tick.objects.for_org(org_id).defer("log")


def _filtered(visible: Visible, found: QuerySet[Tick], wanted: TickFilter | None) -> QuerySet[Tick]:
    """The id, which begins with the due time, narrows; the column decides."""
    wanted, ids = wanted or TickFilter(), dict[str, UUID]()
    if wanted.before is not None:
        ids["id__lt"] = first_uuid7_at(_nearby(wanted.before) + _MILLISECOND)
        found = found.filter(due_at__lt=wanted.before)
    if wanted.after is not None:
        ids["id__gte"] = first_uuid7_at(_nearby(wanted.after) - _MILLISECOND)
        found = found.filter(due_at__gt=wanted.after)
    if wanted.statuses:
        # Read beside the others by index: a sensor's one failure among its hundred thousand ticks is found at once. The planner does not
        # carry the bounds of one side over to the other, which is to look into no more weeks than these.
        of_status = Tick.objects.for_org(visible.org_id).filter(deployment_id=visible.deployment_id, **ids)
        found = found.filter(id__in=of_status.filter(status__in=wanted.statuses).values("id"))
    return found.filter(**ids)


def _nearby(moment: datetime.datetime) -> datetime.datetime:
    """The nearest to it that an id can begin with."""
    return min(max(moment, _FIRST), _LAST)


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
        started = _backfills(visible, found) if whole else []
    return TickView(shown(visible, found), requests, started, is_whole=whole)


def _backfills(visible: Visible, found: Tick) -> list[UUID]:
    """Stored with the end of the tick: their ids begin about then."""
    if found.ended_at is None:
        return []
    first, last = (first_uuid7_at(found.ended_at + around) for around in (-_CLOCKS, _CLOCKS))
    rows = backfills.backfills(visible).filter(id__gte=first, id__lt=last, selection__tick=str(found.id))
    return list(rows.order_by("id").values_list("id", flat=True))


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
