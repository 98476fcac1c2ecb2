"""A deployment in which much ran in the last hours: four jobs, of which one ran thousands of times, every status, and a schedule that is on."""

import datetime
from itertools import count
from uuid import UUID

from django.utils import timezone

from controlplane.runs.models import Run
from controlplane.runs.states import RunStatus
from tenants.ids import first_uuid7_at
from tenants.scoping import org_scope
from tests.automation.ticking import Stage, schedule
from tests.cast import Cast, make_cast
from tests.factories import asset, make_agent

_NUMBERS = count(1)


def make_timeline(many: int = 1500) -> Stage:
    """The job `busy` ran `many` times within four hours; others a few times."""
    cast = make_cast("timeline")
    stage = Stage(cast, make_agent(cast, "office-server"))
    stage.deploy(schedule("half_hourly", "*/30 * * * *", default_status="RUNNING"), assets=[asset("raw/orders")])
    now = timezone.now()

    def ago(minutes: float) -> datetime.datetime:
        return now - datetime.timedelta(minutes=minutes)

    rows = [made(cast, "busy", ago(240 - 240 * number / many), 1.5, _status(number)) for number in range(many)]
    for number, job in enumerate(["hourly", "nightly", "report"]):
        rows += [
            made(cast, job, ago(minutes), 6 + 9 * number, _status(number + minutes))
            for minutes in range(30, 230, 30 + 7 * number)
        ]
    rows += [
        made(cast, "hourly", ago(5), None, RunStatus.STARTED),
        made(cast, "report", ago(3), None, RunStatus.QUEUED),
        made(cast, "nightly", ago(9000), None, RunStatus.STARTED),
    ]
    with org_scope(cast.org_id):
        Run.unscoped.bulk_create(rows)
    return stage


def _status(number: int) -> RunStatus:
    return RunStatus.FAILURE if number % 9 == 0 else RunStatus.CANCELED if number % 31 == 0 else RunStatus.SUCCESS


def made(cast: Cast, job: str, created: datetime.datetime, minutes: float | None, status: RunStatus) -> Run:
    """A run as its end left it, after so many minutes; None: it goes on."""
    started = created + datetime.timedelta(minutes=0.5) if status != RunStatus.QUEUED else None
    return Run(
        org_id=cast.org_id,
        id=UUID(int=first_uuid7_at(created).int + (7 << 76) + (2 << 62) + next(_NUMBERS)),
        deployment_id=cast.deployment.id,
        location_id=UUID(int=1),
        location_name="shop",
        version_id=UUID(int=1),
        job_name=job,
        status=status,
        queue="default",
        share=f"team:{job}",
        actor_kind="automation",
        actor_label=f"Schedule {job}_schedule",
        created_at=created,
        claimed_at=started,
        started_at=started,
        ended_at=created + datetime.timedelta(minutes=minutes) if minutes is not None else None,
    )
