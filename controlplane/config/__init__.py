"""Settings and the roots of every process; the Celery application is loaded with Django so that services can enqueue."""

from controlplane.config.celery import app as celery_app

__all__ = ["celery_app"]
