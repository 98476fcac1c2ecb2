"""The control plane's own pulse: since when agents could reach it without a break.

Silence of an agent means something only while somebody was there to hear it. The `stream` processes beat; sweeps that end what
agents hold ask first. After an outage of ours (processes, database, a whole machine) agents get one lease's time to come back.
"""

import asyncio
from contextlib import suppress
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection

log = structlog.get_logger(__name__)

# A gap this long is an outage. It must be noticed before a lease can lapse within it: 10 of the default 35 seconds.
GAPS_PER_LEASE = 3.5
BEATS_PER_GAP = 5


def gap_seconds() -> float:
    """How long the pulse may be silent before that counts as an outage."""
    return float(settings.LEASE_SECONDS) / GAPS_PER_LEASE


_BEAT = """
    INSERT INTO pulse (id, steady_since, beat_at) VALUES (1, now(), now())
    ON CONFLICT (id) DO UPDATE SET beat_at = now(),
      steady_since = CASE WHEN pulse.beat_at < now() - make_interval(secs => %s) THEN now() ELSE pulse.steady_since END
"""
_STEADY = """
    SELECT beat_at > now() - make_interval(secs => %s) AND steady_since < now() - make_interval(secs => %s) FROM pulse WHERE id = 1
"""


def beat() -> None:
    """Say that agents can reach us now."""
    with connection.cursor() as cursor:
        cursor.execute(_BEAT, [gap_seconds()])


def steady_for(seconds: float) -> bool:
    """Whether agents could reach us all the time for so long, up to now."""
    with connection.cursor() as cursor:
        cursor.execute(_STEADY, [gap_seconds(), seconds])
        row = cursor.fetchone()
    return bool(row and row[0])


async def beat_while_serving(receive: Any, send: Any) -> None:
    """The ASGI lifespan of a `stream` process: beats from its start to its end."""
    await receive()
    beating = asyncio.create_task(_go_on_beating())
    await send({"type": "lifespan.startup.complete"})
    await receive()
    beating.cancel()
    with suppress(asyncio.CancelledError):
        await beating
    await send({"type": "lifespan.shutdown.complete"})


async def _go_on_beating() -> None:
    while True:
        await sync_to_async(_beat_or_miss)()
        await asyncio.sleep(gap_seconds() / BEATS_PER_GAP)


def _beat_or_miss() -> None:
    try:
        beat()
    except DatabaseError as error:
        log.warning("pulse.missed", error=str(error))
    finally:
        close_old_connections()
