"""When a schedule or a sensor is due. Pure: no clock, no database."""

import datetime
import hashlib
import heapq
import itertools
import math
from collections import deque
from collections.abc import Iterator
from uuid import UUID

from controlplane.automation.models import Instigator, InstigatorKind
from controlplane.catalog.cron import BadCronError, parse
from controlplane.catalog.cron_times import firings
from controlplane.core.time_zones import time_zone

# Dagster's own, for a sensor that does not say.
DEFAULT_INTERVAL_SECONDS = 30.0
# Below that a sensor would only wait for itself.
_SHORTEST_INTERVAL_SECONDS = 1.0
# Whoever waits for longer has a schedule.
LONGEST_INTERVAL_SECONDS = 30 * 86400.0
# What is due at the same moment is claimed, asked, delivered and answered together, which costs a fraction of one by one.
_GRID_SECONDS = 0.5
# From so many failures on a sensor waits twice as long after each further one, until it waits this long.
FAILURES_BEFORE_BACKOFF = 5
LONGEST_BACKOFF_SECONDS = 600.0
# Firings are whole minutes: what is due at a moment itself is not after it.
_MOMENT = 1e-3


def cron_times(row: Instigator, start: float) -> Iterator[float]:
    """When a schedule fires, from a timestamp on, rising; nothing where its cron or its time zone is none."""
    try:
        zone = time_zone(row.timezone or "UTC")
        found = [firings(parse(text), zone, start) for text in row.cron]
    except (BadCronError, ValueError):
        return iter(())
    return (moment for moment, _ in itertools.groupby(heapq.merge(*found)))


def next_due(row: Instigator, after: datetime.datetime) -> datetime.datetime | None:
    """The first due time after this one; None for what never is. Sensors keep their own place within their interval (`phase`)."""
    if row.kind == InstigatorKind.SCHEDULE:
        moment = next(cron_times(row, after.timestamp() + _MOMENT), None)
        return _time(moment) if moment is not None else None
    interval = interval_seconds(row)
    offset = math.floor(phase(row.id) * interval / _GRID_SECONDS) * _GRID_SECONDS
    passed = math.floor((after.timestamp() + _MOMENT - offset) / interval)
    return _time(offset + (passed + 1) * interval)


def after_tick(row: Instigator, due_at: datetime.datetime, now: datetime.datetime) -> datetime.datetime | None:
    """When a sensor is due again after a tick: not before its interval is over, later the more often it failed in a row."""
    earliest = due_at.timestamp() + interval_seconds(row) - 2 * _MOMENT
    waited = now.timestamp() + backoff_seconds(row)
    return next_due(row, _time(max(earliest, waited)))


def coming(row: Instigator, now: datetime.datetime, limit: int) -> list[datetime.datetime]:
    """The next due times, whether it runs or not; of a sensor the earliest that they can be."""
    found: list[datetime.datetime] = []
    moment = now
    if row.kind == InstigatorKind.SCHEDULE:
        return [_time(at) for at in itertools.islice(cron_times(row, now.timestamp() + _MOMENT), limit)]
    while len(found) < limit and (due := next_due(row, moment)) is not None:
        found.append(due)
        moment = due
    return found


def due_until(row: Instigator, now: datetime.datetime, limit: int) -> list[datetime.datetime]:
    """The due times of a schedule from its `next_tick_at` until now, rising: the newest `limit` of them."""
    assert row.next_tick_at is not None, "it was claimed by it"
    times = itertools.takewhile(
        lambda moment: moment <= now.timestamp(), cron_times(row, row.next_tick_at.timestamp() - _MOMENT)
    )
    return [_time(moment) for moment in deque(times, maxlen=limit)]


def interval_seconds(row: Instigator) -> float:
    """How often a sensor is evaluated."""
    return bounded_interval(
        row.min_interval_seconds if row.min_interval_seconds is not None else DEFAULT_INTERVAL_SECONDS
    )


def bounded_interval(seconds: float) -> float:
    """An interval that user code gave, as far as it is kept to: a second to thirty days."""
    # In this order the shortest stands for what is no number.
    return min(max(_SHORTEST_INTERVAL_SECONDS, seconds), LONGEST_INTERVAL_SECONDS)


def backoff_seconds(row: Instigator) -> float:
    """How much longer a failing sensor waits."""
    doublings = row.failures_in_a_row - FAILURES_BEFORE_BACKOFF
    if row.kind != InstigatorKind.SENSOR or doublings <= 0:
        return 0.0
    return min(interval_seconds(row) * 2.0 ** min(doublings, 16), LONGEST_BACKOFF_SECONDS)


def phase(instigator_id: UUID) -> float:
    """From 0 to 1: where in its interval a sensor is due, so that hundreds of the same interval spread over it."""
    return int.from_bytes(hashlib.sha256(instigator_id.bytes).digest()[:6], "big") / 2**48


def _time(moment: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC)
