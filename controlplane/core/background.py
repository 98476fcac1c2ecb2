"""Wake a Celery task after commit, by name, so that services import no tasks. A lost wake-up is made good by a sweep."""

from typing import Any

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

# What sending raises when Redis is away.
BROKER_ERRORS = (OperationalError, RedisError, OSError)


def enqueue(task_name: str, **ids: Any) -> None:
    """Send the task once the current transaction commits; at once when there is none. Ids only. Never raises for a lost Redis."""
    transaction.on_commit(lambda: _enqueue_now(task_name, {name: str(value) for name, value in ids.items()}))


def _enqueue_now(task_name: str, ids: dict[str, str]) -> None:
    try:
        wake_task(task_name, ids)
    except BROKER_ERRORS as error:
        log.warning("background.not_woken", task=task_name, error=str(error), **ids)


def wake_task(task_name: str, ids: dict[str, str] | None = None, *, expires: float | None = None) -> None:
    """Send the task now; raises one of BROKER_ERRORS when the broker does not take it."""
    current_app.send_task(task_name, kwargs=ids or {}, expires=expires, retry=False)
