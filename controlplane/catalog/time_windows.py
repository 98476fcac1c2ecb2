"""The windows of a time-window partitions definition: their starts as timestamps, and the keys these are written as."""

import bisect
import datetime
import functools
import hashlib
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from controlplane.catalog.cron import parse
from controlplane.catalog.cron_times import firings, wall_clock
from controlplane.catalog.key_format import key_format
from controlplane.core.time_zones import time_zone
from controlplane.definitions.manifest import PartitionsDefinition

# Windows that have not begun are computed this far ahead, so that the list is made anew once a day and not once a request.
_AHEAD_SECONDS = 36 * 3600.0
# Every minute of two years, or every hour of a century. Dagster itself advises against more than 100,000.
WINDOWS_MAX = 1_000_000
_encode = msgspec.json.encode


class TooManyWindowsError(ValueError):
    """More windows than can be listed."""


def time_windows(definition: PartitionsDefinition) -> "TimeWindows":
    """The windows of a definition; shared by all who ask for the same one."""
    return _time_windows(_encode(definition))


@functools.lru_cache(maxsize=256)
def _time_windows(encoded: bytes) -> "TimeWindows":
    return TimeWindows(msgspec.json.decode(encoded, type=PartitionsDefinition))


class TimeWindows:
    """Starts and keys. Window n reaches from its start to the next firing of the cron expression."""

    def __init__(self, definition: PartitionsDefinition) -> None:
        self._zone = time_zone(definition.timezone or "UTC")
        self._cron = parse(definition.cron or "")
        self._fmt = definition.fmt or "%Y-%m-%d"
        self._keys = key_format(self._fmt)
        self._start = self._moment(definition.start or "1970-01-01")
        self._end = self._moment(definition.end) if definition.end else None
        self._offset = definition.end_offset
        self._exclusions = definition.exclusions or []
        self._bounds = array("d")
        self._excluded: set[float] = set()
        self._until = float("-inf")
        self._too_many = False
        # Equal for equal definitions.
        self.identity = hashlib.blake2b(_encode(definition), digest_size=16).hexdigest()

    def _moment(self, text: str) -> float:
        moment = datetime.datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=self._zone)).timestamp()

    def starts(self, now: float) -> Sequence[float]:
        """Starts of the windows that exist at this time: ended by then, moved by the end offset, not excluded."""
        if self._end is not None and self._end <= self._start:
            return array("d")
        # Windows behind the end are none of them: nobody computes those of the years since.
        until = min(now, self._end) if self._end is not None and self._offset >= 0 else now
        self._compute(max(until, self._start))
        bounds = self._bounds
        ended = bisect.bisect_right(bounds, now) - 1
        if self._end is not None and self._offset == 0:
            ended = min(ended, bisect.bisect_right(bounds, self._end) - 1)
        count = max(0, ended + self._offset)
        if self._end is not None and self._offset:
            count = min(count, max(0, bisect.bisect_right(bounds, self._end) - 1))
        if not self._exclusions:
            return bounds[:count]
        return array("d", (start for start in bounds[:count] if start not in self._excluded))

    def _compute(self, now: float) -> None:
        if self._too_many:
            raise TooManyWindowsError
        if now < self._until:
            return
        until, bounds, beyond = now + _AHEAD_SECONDS, self._kept(), 0
        for moment in firings(self._cron, self._zone, bounds[-1] if bounds else self._start):
            if bounds and moment <= bounds[-1]:
                continue
            bounds.append(moment)
            # The window that is open at the horizon has an end, and there are as many behind it as the offset may reach.
            beyond += moment > until
            if len(bounds) > WINDOWS_MAX:
                self._too_many = True
                raise TooManyWindowsError
            if beyond > max(0, self._offset) + 1:
                break
        self._excluded = set(self._excluded_until(bounds[-1])) if self._exclusions and bounds else set()
        self._bounds, self._until = bounds, until

    def _kept(self) -> "array[float]":
        """What is known already, but for what lies beyond the horizon of then: as many bounds follow it as are wanted."""
        return self._bounds[: bisect.bisect_right(self._bounds, self._until)]

    def _excluded_until(self, last: float) -> Iterator[float]:
        for exclusion in self._exclusions:
            if isinstance(exclusion, str):
                for moment in firings(parse(exclusion), self._zone, self._start):
                    if moment > last:
                        break
                    yield moment
            else:
                yield _timestamp(exclusion)

    def key(self, start: float) -> str:
        """How the window with this start is called."""
        local = wall_clock(self._cron, self._zone, start)
        second_time = self._cron.every_hour and "%z" not in self._fmt and local.fold == 1
        return local.strftime(f"{self._fmt}%z") if second_time else self._keys.write(local)

    def end_of(self, start: float) -> float:
        """The end of a window that `starts` has told."""
        return self._bounds[bisect.bisect_right(self._bounds, start)]

    def start_of(self, key: str) -> float | None:
        """The start of the window of this name, if there can be one. Looks only as far as `starts` has been asked for."""
        usual = self._keys.read(key)
        if usual is not None:
            return self._start_near(usual.replace(tzinfo=self._zone))
        for fmt in (self._fmt, f"{self._fmt}%z"):
            try:
                moment = datetime.datetime.strptime(key, fmt)  # noqa: DTZ007 - the zone is set below
            except ValueError:
                continue
            if moment.tzinfo is not None:
                return moment.timestamp()
            return self._start_near(moment.replace(tzinfo=self._zone))
        return None

    def _start_near(self, local: datetime.datetime) -> float:
        """A key may say less than its start (a date, where windows begin at 9:00), or mean the later of two equal times."""
        named, wanted = local.timestamp(), self._keys.write(local)
        for moment in (named, local.replace(fold=1).timestamp()):
            position = bisect.bisect_left(self._bounds, moment)
            for candidate in self._bounds[position : position + 2]:
                if self._keys.write(wall_clock(self._cron, self._zone, candidate)) == wanted:
                    return candidate
        return named


def _timestamp(exclusion: Any) -> float:
    """Dagster writes a moment as a pair of timestamp and zone, or as a table of both."""
    if isinstance(exclusion, dict):
        return float(exclusion["timestamp"])
    if isinstance(exclusion, (list, tuple)):
        return float(exclusion[0])
    return float(exclusion)
