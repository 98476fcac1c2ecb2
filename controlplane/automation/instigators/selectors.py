"""Reading schedules and sensors, within the rights of who asks: an instigator is seen where its definition is.

One whose definition is gone is seen by those who may see all of its code location.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from controlplane.automation.instigators.running import has_ticks
from controlplane.automation.instigators.upcoming import FAILURES_BEFORE_BACKOFF, backoff_seconds, coming
from controlplane.automation.models import Instigator, InstigatorKind, Tick
from controlplane.core import recordsets
from controlplane.definitions.manifest import Schedule, Sensor
from controlplane.deployments.models import CodeLocation
from controlplane.deployments.visibility import Visible
from tenants.errors import ForbiddenError, NotFoundError
from tenants.permissions import Permission
from tenants.scoping import read_scope

WRITES = {InstigatorKind.SCHEDULE: Permission.SCHEDULE_WRITE, InstigatorKind.SENSOR: Permission.SENSOR_WRITE}


@dataclass(frozen=True)
class InstigatorFilter:
    """Which are wanted. `running` None: both; `text` is looked for in names; `deleted`: whether their code location was, None: both."""

    kind: InstigatorKind | None = None
    location: str | None = None
    running: bool | None = None
    text: str = ""
    defined: bool | None = None
    deleted: bool | None = None


@dataclass(frozen=True)
class InstigatorView:
    """One as its reader sees it: the row, its definition as far as the reader may see it (None: gone), and its last tick."""

    row: Instigator
    definition: Schedule | Sensor | None
    last_tick: Tick | None
    # Whether the reader sees all of the code location: cursors, logs and errors may tell of any part of it.
    is_whole: bool
    # Whether its code location is there still.
    has_location: bool = True

    @property
    def cursor(self) -> str | None:
        return self.row.cursor if self.is_whole else None

    @property
    def has_ticks(self) -> bool:
        """False for sensors of automation conditions, which the evaluator evaluates."""
        return has_ticks(self.row)

    @property
    def status(self) -> str:
        """RUNNING or STOPPED, as Dagster says it."""
        return "RUNNING" if self.row.is_running else "STOPPED"

    @property
    def note(self) -> str:
        """What somebody should know about it beside its status; empty when there is nothing."""
        if not self.has_location:
            return f"The code location {self.row.location_name} was deleted: it does not run. Its ticks and its cursor are kept."
        if not self.row.is_defined:
            return "Its code does not define it any more: it does not run."
        if self.row.is_running and backoff_seconds(self.row) > 0:
            return (
                f"It failed {self.row.failures_in_a_row} times in a row and is evaluated less often until it succeeds "
                f"(from {FAILURES_BEFORE_BACKOFF + 1} failures on)."
            )
        if self.row.missed_from is not None:
            return "Ticks were missed; the newest are caught up when an agent has its code again."
        if self.row.is_running and self.last_tick is not None and self.last_tick.is_unserved:
            return (
                "Its last tick was not evaluated, for want of an agent. That does not count as a failure of its code."
            )
        return ""

    @cached_property
    def coming(self) -> list[datetime.datetime]:
        """The next few due times, while it runs."""
        return coming_ticks(self.row, 5) if self.row.is_running else []


def coming_ticks(row: Instigator, limit: int) -> list[datetime.datetime]:
    """When it is due next, from now, were it running; nothing for conditions."""
    return coming(row, timezone.now(), limit) if row.is_defined and has_ticks(row) else []


def rows(visible: Visible, wanted: InstigatorFilter | None = None) -> QuerySet[Instigator]:
    """All that the reader may see and that are wanted; call it inside org_scope or read_scope."""
    wanted = wanted or InstigatorFilter()
    found = Instigator.objects.for_org(visible.org_id).filter(_seen(visible), deployment_id=visible.deployment_id)
    exact = {"kind": wanted.kind, "location_name": wanted.location}
    flags = {"is_running": wanted.running, "is_defined": wanted.defined}
    found = found.filter(**{name: value for name, value in {**exact, **flags}.items() if value is not None})
    if wanted.deleted is not None:
        there = CodeLocation.objects.for_org(visible.org_id).filter(
            deployment_id=visible.deployment_id, name=OuterRef("location_name")
        )
        # What is defined has its location: that spares looking.
        listed = Q(is_defined=True) | Exists(there)
        found = found.exclude(listed) if wanted.deleted else found.filter(listed)
    return found.filter(name__icontains=wanted.text) if wanted.text else found


def _seen(visible: Visible) -> Q:
    part = visible.part(Permission.JOB_READ)
    if part.is_everything:
        return Q()
    # Never matches by itself.
    seen = Q(id__in=[])
    for name, found in visible.definitions(Permission.JOB_READ).by_location.items():
        here = Q(location_name=name)
        if sees_all(visible, name):
            seen |= here
            continue
        schedules = [one.name for one in found.manifest.schedules]
        sensors = [one.name for one in found.manifest.sensors]
        seen |= here & Q(is_defined=True, kind=InstigatorKind.SCHEDULE, name__in=schedules)
        seen |= here & Q(is_defined=True, kind=InstigatorKind.SENSOR, name__in=sensors)
    return seen


def sees_all(visible: Visible, location: str) -> bool:
    """Whether nothing of this code location is hidden from the reader: no asset, check or job that it defines now."""
    part = visible.part(Permission.JOB_READ)
    if part.is_everything:
        return True
    found = visible.definitions(Permission.JOB_READ).by_location.get(location)
    whole = visible.whole.by_location.get(location)
    if found is None or whole is None or not part.has_whole_location(location):
        return False
    shown, there = found.manifest, whole.manifest
    sizes = [(len(one.assets), len(one.checks), len(one.jobs)) for one in (shown, there)]
    return sizes[0] == sizes[1]


def may(visible: Visible, right: Permission, row: Instigator) -> bool:
    """Whether the caller holds this right on it. It takes all of the code location: what it runs, reads and says may be of any part."""
    return visible.permits(right, location=row.location_name) and sees_all(visible, row.location_name)


def require(visible: Visible, right: Permission, row: Instigator) -> None:
    """As `may`: ForbiddenError, or NotFoundError where the caller may not know of the code location."""
    visible.require(right, location=row.location_name)
    if not sees_all(visible, row.location_name):
        raise ForbiddenError(
            f"This needs the permission {right} on all that is in the code location {row.location_name}: "
            "what it runs and says may be of any part of it."
        )


def instigator(visible: Visible, kind: InstigatorKind, location: str, name: str) -> Instigator:
    """One by its name; NotFoundError when there is none, or the reader may not know of it."""
    with read_scope(visible.org_id):
        found = rows(visible, InstigatorFilter(kind=kind, location=location)).filter(name=name).first()
    if found is None:
        raise NotFoundError(f"There is no {kind.label.lower()} {name} in the code location {location}.")
    return found


def why_gone(row: Instigator) -> str:
    """What to tell who wants something of one that is not defined."""
    if _deleted([row]):
        return f"The code location {row.location_name} was deleted, and {row.name} with it. Deploy it again first."
    return f"The code of {row.location_name} does not define {row.name} any more."


def _deleted(found: Sequence[Instigator]) -> set[str]:
    """The code locations of these that there are no more, as far as they may be missed."""
    names = {row.location_name for row in found if not row.is_defined}
    if not names:
        return names
    org_id, deployment_id = found[0].org_id, found[0].deployment_id
    with read_scope(org_id):
        there = CodeLocation.objects.for_org(org_id).filter(deployment_id=deployment_id, name__in=names)
        return names - set(there.values_list("name", flat=True))


def instigator_by_id(visible: Visible, instigator_id: UUID) -> Instigator:
    """One by its id; NotFoundError as `instigator`."""
    with read_scope(visible.org_id):
        found = rows(visible).filter(id=instigator_id).first()
    if found is None:
        raise NotFoundError("There is no such schedule or sensor in this deployment.")
    return found


def views(visible: Visible, found: Sequence[Instigator]) -> list[InstigatorView]:
    """These with what belongs to each, in the same order."""
    definitions = _definitions(visible)
    last = _last_ticks(visible, [row.id for row in found])
    deleted = _deleted(found)
    return [
        InstigatorView(
            row=row,
            definition=definitions.get((row.location_name, row.kind, row.name)) if row.is_defined else None,
            last_tick=last.get(row.id),
            is_whole=sees_all(visible, row.location_name),
            has_location=row.location_name not in deleted,
        )
        for row in found
    ]


def view(visible: Visible, found: Instigator) -> InstigatorView:
    """One with what belongs to it."""
    return views(visible, [found])[0]


def _definitions(visible: Visible) -> Mapping[tuple[str, str, str], Schedule | Sensor]:
    found: dict[tuple[str, str, str], Schedule | Sensor] = {}
    for name, location in visible.definitions(Permission.JOB_READ).by_location.items():
        found |= {(name, InstigatorKind.SCHEDULE, one.name): one for one in location.manifest.schedules}
        found |= {(name, InstigatorKind.SENSOR, one.name): one for one in location.manifest.sensors}
    return found


# The newest of each by the index on (org_id, instigator_id, id): one short look per row of the page.
_LAST = """
    SELECT t.id FROM unnest(%s::uuid[]) AS i(id)
    CROSS JOIN LATERAL (
        SELECT id FROM tick WHERE org_id = %s AND instigator_id = i.id ORDER BY id DESC LIMIT 1
    ) t
"""


def _last_ticks(visible: Visible, instigator_ids: Sequence[UUID]) -> dict[UUID, Tick]:
    with read_scope(visible.org_id):
        ids = [tick_id for (tick_id,) in recordsets.fetch(_LAST, [list(instigator_ids), visible.org_id])]
        found = Tick.objects.for_org(visible.org_id).filter(id__in=ids).defer("log")
        return {tick.instigator_id: tick for tick in found}
