"""The slice of schedules, sensors, conditions and backfills."""

from django.apps import AppConfig


class AutomationConfig(AppConfig):
    name = "controlplane.automation"
    label = "automation"
