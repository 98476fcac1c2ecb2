"""The Celery application. Tasks carry ids only; truth is in Postgres, Celery only wakes."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.config.settings")

app = Celery("daggerboard")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
