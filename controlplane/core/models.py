"""The clock's table (jobs that are due at a time, claimed by whichever process comes first) and the pulse."""

from django.db import models


class DueJob(models.Model):
    """A periodic job of the whole installation. `name` is the Celery task that it wakes."""

    name = models.CharField(primary_key=True, max_length=100)
    every_seconds = models.FloatField()
    next_due = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "due_job"


class Pulse(models.Model):
    """One row: since when agents could reach the control plane without a break."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    steady_since = models.DateTimeField()
    beat_at = models.DateTimeField()

    class Meta:
        db_table = "pulse"
