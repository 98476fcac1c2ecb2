"""The slice of schedules, sensors, conditions and backfills."""

from django.apps import AppConfig


class AutomationConfig(AppConfig):
    name = "controlplane.automation"
    label = "automation"

    def ready(self) -> None:
        """Answers of agents to ticks are acted on here, the queue asks which backfills are paused, and user code which are under way.

        Imported here, because models cannot be imported before apps are.
        """
        from controlplane.automation.backfills import under_way
        from controlplane.automation.backfills.pauses import paused
        from controlplane.automation.ticks.applying import take_answers
        from controlplane.automation.ticks.asking import PURPOSE
        from controlplane.dispatch.calls import register_outcome
        from controlplane.runs import instance_view, paused_backfills

        register_outcome(PURPOSE, take_answers)
        paused_backfills.register(paused)
        instance_view.register(under_way.METHODS)
