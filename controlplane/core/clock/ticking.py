"""One tick of the clock, and the loop around it. A job that could not be woken stays due, so that everything resumes by itself."""

import datetime
import threading
import time
from collections.abc import Mapping

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections, transaction
from django.db.models.functions import Now

from controlplane.core.background import BROKER_ERRORS, wake_task
from controlplane.core.clock import beats
from controlplane.core.models import DueJob

log = structlog.get_logger(__name__)

# How exactly a job keeps its time.
TICK_SECONDS = 0.5
# How long the clock leaves a database or Redis alone that just failed.
FAILED_TICK_SECONDS = 2.0
# A beat that is under way when the clock stops may finish.
BEAT_END_SECONDS = 2.0


def run(stop: threading.Event) -> None:
    """Tick until `stop` is set; whatever fails is tried again."""
    declared = False
    beating = beats.start(settings.CLOCK_BEATS, stop)
    log.info("clock.started", jobs=len(settings.DUE_JOBS), beats=len(beating))
    while not stop.is_set():
        try:
            # Lets go of a connection that Postgres has closed.
            close_old_connections()
            if not declared:
                declare_jobs(settings.DUE_JOBS)
                declared = True
            tick()
            pause = TICK_SECONDS
        except (DatabaseError, *BROKER_ERRORS) as error:
            log.warning("clock.tick_failed", error=str(error))
            pause = FAILED_TICK_SECONDS
        stop.wait(pause)
    until = time.monotonic() + BEAT_END_SECONDS
    for thread in beating:
        thread.join(timeout=max(0.0, until - time.monotonic()))


@transaction.atomic
def declare_jobs(jobs: Mapping[str, float]) -> None:
    """Make the table hold exactly these jobs (task name: seconds), keeping when each is due."""
    DueJob.objects.exclude(name__in=jobs).delete()
    for name, seconds in jobs.items():
        DueJob.objects.get_or_create(name=name, defaults={"every_seconds": seconds, "next_due": Now()})
        DueJob.objects.filter(name=name).exclude(every_seconds=seconds).update(every_seconds=seconds, next_due=Now())


@transaction.atomic
def tick() -> list[str]:
    """Wake the tasks of the jobs that are due and that nobody else is claiming; returns their names."""
    due = list(DueJob.objects.select_for_update(skip_locked=True).filter(next_due__lte=Now()))
    for job in due:
        every = datetime.timedelta(seconds=job.every_seconds)
        DueJob.objects.filter(name=job.name).update(next_due=Now() + every)
        # Expires before it is useless: without workers the queue must not grow.
        wake_task(job.name, expires=2 * job.every_seconds + 5)
    return [job.name for job in due]
