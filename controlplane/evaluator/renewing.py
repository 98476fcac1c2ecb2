"""Saying that one is still at it, from beside whatever takes long."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from django.db import DatabaseError, connections

log = structlog.get_logger(__name__)

RENEW_SECONDS = 15.0


@contextmanager
def renewed(renew: Callable[[], object], *, every: float = RENEW_SECONDS) -> Iterator[None]:
    """Call `renew` in a thread of its own, every so many seconds, while the code inside goes on."""
    ended = threading.Event()
    thread = threading.Thread(target=_keep_on, args=(renew, every, ended), name="renewing", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _keep_on(renew: Callable[[], object], every: float, ended: threading.Event) -> None:
    while not ended.wait(every):
        try:
            renew()
        except DatabaseError as error:
            log.warning("evaluator.not_renewed", error=str(error))
        finally:
            connections.close_all()
