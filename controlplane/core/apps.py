"""What every slice stands on: object store, wake-ups, the clock, logs and errors."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "controlplane.core"
