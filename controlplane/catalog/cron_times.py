"""When a cron expression fires in a time zone, as dagster understands it across changes of daylight saving time.

An expression that fires every hour fires at each hour that there is: none for an hour that the clock skips, two for one that it repeats.
Any other fires once: for a time that is skipped at the end of the gap, for one that comes twice at the second. (Gaps of half an hour,
as on Lord Howe Island, are dagster's own affair for expressions that fire every hour.)
"""

import datetime
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from controlplane.catalog.cron import Cron

# Dagster looks for gaps and repetitions in these hours only.
_CHANGING_HOURS = frozenset({1, 2, 3})
_DAY = datetime.timedelta(days=1)
# 29 February comes after eight years at most; what has not fired by then (30 February) never will.
_LONGEST_SILENCE = datetime.timedelta(days=9 * 366)
_HOUR = datetime.timedelta(hours=1)


def firings(cron: Cron, zone: ZoneInfo, start: float) -> Iterator[float]:
    """Timestamps from `start` on, rising; without end, unless it never fires."""
    day = datetime.datetime.fromtimestamp(start, zone).date()
    last, silent_since = float("-inf"), day
    while day < datetime.date.max and day - silent_since < _LONGEST_SILENCE:
        if cron.matches_day(day):
            silent_since = day
            for moment in _of_day(cron, zone, day):
                if moment >= start and moment > last:
                    yield moment
                    last = moment
        day += _DAY


def _of_day(cron: Cron, zone: ZoneInfo, day: datetime.date) -> list[float]:
    midnight = datetime.datetime(day.year, day.month, day.day, tzinfo=zone)
    first = midnight.timestamp()
    times = ((hour, minute) for hour in cron.hours for minute in cron.minutes)
    if datetime.datetime.combine(day + _DAY, datetime.time(), zone).timestamp() - first == _DAY.total_seconds():
        return [first + hour * 3600 + minute * 60 for hour, minute in times]
    moments: set[float] = set()
    for hour, minute in times:
        moments.update(_moments(midnight.replace(hour=hour, minute=minute), every_hour=cron.every_hour))
    return sorted(moments)


def _moments(local: datetime.datetime, *, every_hour: bool) -> list[float]:
    """The moments at which a clock shows this, or stands for it, on a day when the clock changes."""
    if not exists(local):
        if every_hour:
            return []
        return [_after_gap(local).timestamp()] if local.hour in _CHANGING_HOURS else [local.timestamp()]
    early, late = local.timestamp(), local.replace(fold=1).timestamp()
    if early == late:
        return [early]
    return [early, late] if every_hour else [late]


def wall_clock(cron: Cron, zone: ZoneInfo, moment: float) -> datetime.datetime:
    """What dagster takes a clock to show at a firing: where the gap is at midnight, the time that was skipped."""
    local = datetime.datetime.fromtimestamp(moment, zone)
    if cron.every_hour or local.hour in cron.hours:
        return local
    skipped = local - _HOUR
    return skipped if skipped.hour not in _CHANGING_HOURS and not exists(skipped) else local


def exists(local: datetime.datetime) -> bool:
    """Whether a clock ever shows this."""
    back = local.astimezone(datetime.UTC).astimezone(local.tzinfo)
    return back.replace(tzinfo=None, fold=0) == local.replace(tzinfo=None, fold=0)


def _after_gap(local: datetime.datetime) -> datetime.datetime:
    offset = (local + _HOUR).dst() or _HOUR
    return local.replace(minute=0) + offset
