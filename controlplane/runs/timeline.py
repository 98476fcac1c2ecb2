"""What ran, runs and waits in a stretch of time: narrow rows of the runs that touch it, as far as the reader sees them."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from controlplane.deployments.visibility import Visible
from controlplane.runs.selectors import RunFilter, filtered
from controlplane.runs.states import ACTIVE, RunStatus
from tenants.ids import first_uuid7_at
from tenants.scoping import read_scope

# More than this in one stretch are no picture: the newest are read, and the reader is told.
RUNS_MAX = 20_000
# Between the making of a run's id and the database's idea of when the run was made.
_CLOCK_SLACK = datetime.timedelta(minutes=5)
_FIELDS = (
    "id",
    "status",
    "created_at",
    "started_at",
    "ended_at",
    "location_name",
    "job_name",
    "share",
    "actor_label",
    "partition_key",
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """One run on the line of time; times as the run has them."""

    id: UUID
    status: RunStatus
    created_at: datetime.datetime
    started_at: datetime.datetime | None
    ended_at: datetime.datetime | None
    location_name: str
    job_name: str
    share: str
    actor_label: str
    partition_key: str | None


def stretches(
    visible: Visible, filters: RunFilter, since: datetime.datetime, until: datetime.datetime
) -> tuple[list[Stretch], bool]:
    """The runs that waited or ran at any time from `since` to `until`, the newest first, and whether there are more than RUNS_MAX."""
    last = first_uuid7_at(until + _CLOCK_SLACK)
    # Each by an index of its own: what was made then, what ended then or later, what has not ended.
    touching = (
        Q(id__gte=first_uuid7_at(since - _CLOCK_SLACK), created_at__gte=since)
        | Q(ended_at__gte=since)
        | Q(status__in=sorted(ACTIVE))
    )
    with read_scope(visible.org_id):
        rows = filtered(visible, filters).filter(touching, id__lt=last, created_at__lt=until)
        found = list(rows.order_by("-id").values_list(*_FIELDS)[: RUNS_MAX + 1])
    return [Stretch(*row) for row in found[:RUNS_MAX]], len(found) > RUNS_MAX
