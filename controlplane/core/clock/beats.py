"""What the clock does itself, many times a second, where a task in a queue would come late: each beat in a thread of its own.

A beat claims rows with SKIP LOCKED, so that any number of clocks may beat, and answers whether more is due at once.
"""

import threading
from collections.abc import Callable, Mapping

import structlog
from django.db import DatabaseError, connections
from django.utils.module_loading import import_string

from controlplane.core.background import BROKER_ERRORS

log = structlog.get_logger(__name__)

Beat = Callable[[], bool]
# How long a beat leaves a database or Redis alone that just failed.
FAILED_BEAT_SECONDS = 1.0


def start(beats: Mapping[str, float], stop: threading.Event) -> list[threading.Thread]:
    """Beat until `stop` is set: dotted names of functions, and the seconds between two beats that find nothing to do."""
    threads = [
        threading.Thread(target=keep, args=(import_string(name), seconds, stop), name=name, daemon=True)
        for name, seconds in beats.items()
    ]
    for thread in threads:
        thread.start()
    return threads


def keep(beat: Beat, seconds: float, stop: threading.Event) -> None:
    """One beat's loop; whatever fails is tried again."""
    while not stop.is_set():
        try:
            pause = 0.0 if beat() else seconds
        except (DatabaseError, *BROKER_ERRORS) as error:
            log.warning("clock.beat_failed", beat=beat.__qualname__, error=str(error))
            pause = FAILED_BEAT_SECONDS
        except Exception:
            # The edge of a loop that must not end: nothing would be due any more.
            log.exception("clock.beat_broken", beat=beat.__qualname__)
            pause = FAILED_BEAT_SECONDS
        finally:
            # Back to the pool: between two beats nobody needs them.
            connections.close_all()
        stop.wait(pause)
