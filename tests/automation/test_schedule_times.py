"""When schedules are due: as dagster's own iterator says, over both changes of daylight saving time in three zones."""

import datetime
import itertools

import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from controlplane.automation.instigators.upcoming import due_until
from controlplane.automation.models import Instigator, InstigatorKind

CRONS = [
    ["0 * * * *"],
    ["30 2 * * *"],
    ["15 1,2,3 * * *"],
    ["0 0 * * *", "30 2 * * *"],
    ["0 3 * * 0"],
    ["*/20 1-3 * * *"],
]
# Spring and autumn of each.
CHANGES = {
    "Europe/Berlin": ["2026-03-28", "2026-10-24"],
    "America/New_York": ["2026-03-07", "2026-10-31"],
    "Australia/Sydney": ["2026-04-04", "2026-10-03"],
}


@pytest.mark.parametrize(("zone", "day"), [(zone, day) for zone, days in CHANGES.items() for day in days])
def test_due_times_are_dagster_s_own_over_the_change_of_the_clock(zone: str, day: str) -> None:
    start = datetime.datetime.fromisoformat(f"{day}T00:00:00+00:00")
    end = start + datetime.timedelta(days=3)
    for cron in CRONS:
        row = Instigator(kind=InstigatorKind.SCHEDULE, cron=cron, timezone=zone, next_tick_at=start)

        ours = due_until(row, end, limit=10_000)

        theirs = schedule_execution_time_iterator(start.timestamp(), cron if len(cron) > 1 else cron[0], zone, True)
        wanted = itertools.takewhile(lambda moment: moment <= end, theirs)
        assert ours == [moment.astimezone(datetime.UTC) for moment in wanted], (zone, day, cron)
        assert len(set(ours)) == len(ours) > 0
