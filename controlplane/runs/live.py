"""What happens to a run, and to the runs of an organization, as it happens: server-sent events over wake-ups and short looks.

A wake-up says only that there is something; what there is, the database says. Looks are at least COALESCE apart, and there is one at
least every POLL, so that a lost wake-up costs a second, not the truth. No connection to Postgres is held while waiting.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings

from controlplane.core.listening import hub, listen
from controlplane.core.threads import in_pool
from controlplane.runs.event_selectors import Place
from controlplane.runs.live_look import Look, look, new_events
from tenants.errors import AppError

COALESCE_SECONDS = 0.05
# Lists of runs are heavier to fetch again than one run's parts.
COALESCE_RUNS_SECONDS = 0.25
POLL_SECONDS = 5.0
# Without Redis nothing wakes us.
POLL_ALONE_SECONDS = 1.0
HEARTBEAT_SECONDS = 15.0
# How often the right to watch is asked for again.
RECHECK_SECONDS = 4.0

_encode = msgspec.json.encode
# Short looks of many streams share a few connections.
LOOKS = ThreadPoolExecutor(max_workers=max(2, settings.DATABASE_POOL_SIZE // 4), thread_name_prefix="live")


def message(name: str, data: Any, *, event_id: Place | None = None) -> bytes:
    """One server-sent event."""
    identity = b"id: %s\n" % str(event_id).encode() if event_id else b""
    return b"%sevent: %s\ndata: %s\n\n" % (identity, name.encode(), _encode(data))


HEARTBEAT = b": still here\n\n"


class _Pace:
    """When to look, when to say that we live, when to ask whether we still may."""

    def __init__(self, may_watch: Callable[[], object]) -> None:
        self._may_watch = may_watch
        self._spoke = self._checked = time.monotonic()

    def spoke(self) -> None:
        self._spoke = time.monotonic()

    @property
    def is_silent(self) -> bool:
        return time.monotonic() - self._spoke >= HEARTBEAT_SECONDS

    async def may_go_on(self) -> bool:
        if time.monotonic() - self._checked < RECHECK_SECONDS:
            return True
        self._checked = time.monotonic()
        try:
            await in_pool(LOOKS, self._may_watch)
        except AppError:
            return False
        return True


def _patience() -> float:
    return min(RECHECK_SECONDS, POLL_SECONDS if hub().connected else POLL_ALONE_SECONDS)


async def run_stream(
    org_id: UUID, run_id: UUID, *, may_watch: Callable[[], object], after: Place | None = None, whole: bool = False
) -> AsyncIterator[bytes]:
    """Events `run`, `steps`, `events`, `logs` when these change, and `end` once nothing more can come.

    `after` is the Last-Event-ID of a stream that was cut. With `whole`, `events` carries the events themselves, each once.
    """
    pace, seen, place = _Pace(may_watch), None, after or Place(0, 0)
    async with listen(f"run:{run_id}") as listener:
        while True:
            now = await in_pool(LOOKS, look, org_id, run_id, place)
            for part in _changes(seen, now):
                yield part
                pace.spoke()
            if whole:
                async for part in _whole_events(org_id, run_id, place, now.last):
                    yield part
                    pace.spoke()
            seen, place = now, max(place, now.last)
            if now.is_over:
                yield message("end", {"status": now.status}, event_id=place)
                return
            await asyncio.sleep(COALESCE_SECONDS)
            await listener.wait(_patience())
            if pace.is_silent:
                yield HEARTBEAT
                pace.spoke()
            if not await pace.may_go_on():
                return


def _changes(seen: Look | None, now: Look) -> list[bytes]:
    """What to say of the difference between two looks; of the first look, everything."""
    parts = []
    if seen is None or seen.run != now.run:
        parts.append(message("run", now.run_data))
    if seen is None or now.steps_changed:
        parts.append(message("steps", now.steps_data))
    if seen is None or seen.last != now.last:
        parts.append(message("events", {"last": str(now.last), "total": now.event_count}, event_id=now.last))
    if seen is None or seen.logs != now.logs:
        parts.append(message("logs", now.logs_data))
    return parts


async def _whole_events(org_id: UUID, run_id: UUID, after: Place, last: Place) -> AsyncIterator[bytes]:
    place = after
    while place < last:
        found, place = await in_pool(LOOKS, new_events, org_id, run_id, place)
        if not found:
            return
        yield message("event-rows", found, event_id=place)


async def runs_stream(org_id: UUID, *, may_watch: Callable[[], object]) -> AsyncIterator[bytes]:
    """`runs` whenever the status of any run of the organization changed; now and then without a reason, in case a wake-up was lost."""
    pace, polled = _Pace(may_watch), time.monotonic()
    async with listen(f"org:{org_id}:runs") as listener:
        yield message("runs", {})
        while await pace.may_go_on():
            woken = await listener.wait(_patience())
            overdue = time.monotonic() - polled >= (HEARTBEAT_SECONDS if hub().connected else 2 * POLL_ALONE_SECONDS)
            if woken or overdue:
                yield message("runs", {})
                polled = time.monotonic()
                await asyncio.sleep(COALESCE_RUNS_SECONDS)
