"""What every slice stands on: object store, wake-ups, the clock, logs and errors."""

from importlib import import_module

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "controlplane.core"

    def ready(self) -> None:
        import_module("controlplane.core.sign_in_failures")
