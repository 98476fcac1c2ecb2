"""The Celery application. Tasks carry ids only; truth is in Postgres, Celery only wakes."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.config.settings")
# Django's checks load every page and endpoint, for longer than all the rest of a worker's start; `web` loads them anyway.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("daggerboard")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
