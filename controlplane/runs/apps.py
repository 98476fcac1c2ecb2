"""Runs, attempts, steps, events and logs."""

from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "controlplane.runs"

    def ready(self) -> None:
        """The catalog asks which of the runs that plan something only wait. Imported here, because models cannot be before apps are."""
        from controlplane.catalog import queued_plans
        from controlplane.runs.selectors import queued_of

        queued_plans.register(queued_of)
