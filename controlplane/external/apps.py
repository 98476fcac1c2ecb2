"""The slice of what comes from outside of runs: reported asset events, wiped assets, Pipes over HTTP."""

from django.apps import AppConfig


class ExternalConfig(AppConfig):
    name = "controlplane.external"
    label = "external"

    def ready(self) -> None:
        """User code opens and reads Pipes sessions through its instance."""
        from controlplane.external.pipes.reads import METHODS
        from controlplane.runs import instance_view

        instance_view.register(METHODS)
