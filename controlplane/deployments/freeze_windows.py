"""Times in which nothing is deployed: every week in some zone's local time, or once. Pure; moments in and out are UTC.

A local time that comes twice, when clocks go back, counts from its first and until its second; one that is left out, when they go
forward, is the moment of the jump.
"""

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = datetime.timedelta(days=1)
# A window ends at most a day after the day it begins on; a week and a day hold the next of each.
_BEFORE, _AHEAD = 2, 9


@dataclass(frozen=True)
class Frozen:
    """One stretch of time, from `start` until before `end`, and why."""

    start: datetime.datetime
    end: datetime.datetime
    reason: str


@dataclass(frozen=True)
class Weekly:
    """On these days (0 is Monday) from `start` to `end`, in minutes of the local day; not later than the start means on the next day."""

    days: tuple[int, ...]
    start: int
    end: int
    zone: ZoneInfo
    reason: str

    def around(self, now: datetime.datetime) -> Iterator[Frozen]:
        """Those that touch the time from `now` to a week later, and some before."""
        today = now.astimezone(self.zone).date()
        for number in range(-_BEFORE, _AHEAD):
            day = today + number * _DAY
            if day.weekday() in self.days:
                last = day if self.end > self.start else day + _DAY
                start = moment(day, self.start, self.zone, later=False)
                yield Frozen(start, moment(last, self.end, self.zone, later=True), self.reason)


@dataclass(frozen=True)
class Once:
    """From one moment to another."""

    start: datetime.datetime
    end: datetime.datetime
    reason: str

    def around(self, now: datetime.datetime) -> Iterator[Frozen]:
        """Itself, unless it is over."""
        if self.end > now:
            yield Frozen(self.start, self.end, self.reason)


Window = Weekly | Once


def frozen_at(windows: Iterable[Window], now: datetime.datetime) -> Frozen | None:
    """The stretch that `now` is in, with the end of everything that follows without a gap; None when it is in none."""
    known = _around(windows, now)
    found = [frozen for frozen in known if frozen.start <= now < frozen.end]
    if not found:
        return None
    end = max(frozen.end for frozen in found)
    for frozen in known:
        if frozen.start <= end:
            end = max(end, frozen.end)
    return Frozen(min(frozen.start for frozen in found), end, found[0].reason)


def next_frozen(windows: Iterable[Window], now: datetime.datetime) -> Frozen | None:
    """The next stretch that begins after `now`; None when there is none, within a week for the weekly ones."""
    return next((frozen for frozen in _around(windows, now) if frozen.start > now), None)


def moment(day: datetime.date, minutes: int, zone: ZoneInfo, *, later: bool) -> datetime.datetime:
    """A local time of a day as a moment; `later` chooses between the two of one that comes twice. 1440 minutes are the next midnight."""
    local = datetime.datetime.combine(day, datetime.time()) + datetime.timedelta(minutes=minutes)
    first = local.replace(tzinfo=zone, fold=0).astimezone(datetime.UTC)
    second = local.replace(tzinfo=zone, fold=1).astimezone(datetime.UTC)
    # Of a time that comes twice, fold 0 is the earlier; of one that is left out, it is the later.
    if first <= second:
        return second if later else first
    return _jump(second, first, zone)


def _jump(low: datetime.datetime, high: datetime.datetime, zone: ZoneInfo) -> datetime.datetime:
    """The moment between two at which the clocks change, to the second."""
    before = low.astimezone(zone).utcoffset()
    while high - low > datetime.timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def _around(windows: Iterable[Window], now: datetime.datetime) -> list[Frozen]:
    found = [frozen for window in windows for frozen in window.around(now) if frozen.end > frozen.start]
    return sorted(found, key=lambda frozen: frozen.start)
