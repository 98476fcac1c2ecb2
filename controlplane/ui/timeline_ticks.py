"""When schedules that are on will start something, for the run timeline."""

import datetime
from dataclasses import dataclass, replace

from controlplane.automation.instigators import selectors
from controlplane.automation.instigators.selectors import InstigatorFilter
from controlplane.automation.instigators.upcoming import coming
from controlplane.automation.models import Instigator, InstigatorKind
from controlplane.automation.requests import actor_of
from controlplane.deployments.visibility import Visible
from controlplane.runs.selectors import RunFilter
from tenants.permissions import Permission
from tenants.scoping import read_scope

# A schedule of every minute would be a line of its own; more schedules than this are no picture.
_OF_ONE = 40
_SCHEDULES = 300
_IN_ALL = 600


@dataclass(frozen=True)
class ComingTick:
    """A due time of a schedule, and the job that it names, if it names one."""

    at: datetime.datetime
    name: str
    location_name: str
    job_name: str
    actor_label: str


def coming_ticks(
    visible: Visible, filters: RunFilter, now: datetime.datetime, until: datetime.datetime
) -> list[ComingTick]:
    """Of the schedules that are on and that the reader sees, from now on. Sensors come all the time and are left out.

    Nothing where the filter asks for what only a run has.
    """
    of_runs = replace(filters, location=None, job=None, statuses=tuple(filters.statuses))
    if until <= now or of_runs != RunFilter():
        return []
    jobs = {
        (location, one.name): one.job or ""
        for location, found in visible.definitions(Permission.JOB_READ).by_location.items()
        for one in found.manifest.schedules
    }
    found: list[ComingTick] = []
    for row in _schedules(visible, filters):
        job = jobs.get((row.location_name, row.name), "")
        if filters.job in {None, job}:
            times = [at for at in coming(row, now, _OF_ONE) if at < until]
            found += [ComingTick(at, row.name, row.location_name, job, actor_of(row).label) for at in times]
    return sorted(found, key=lambda tick: tick.at)[:_IN_ALL]


def _schedules(visible: Visible, filters: RunFilter) -> list[Instigator]:
    wanted = InstigatorFilter(kind=InstigatorKind.SCHEDULE, location=filters.location, running=True, defined=True)
    with read_scope(visible.org_id):
        return list(selectors.rows(visible, wanted).order_by("next_tick_at", "id")[:_SCHEDULES])
