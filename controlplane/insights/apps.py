"""Usage of steps and what it cost."""

from django.apps import AppConfig


class InsightsConfig(AppConfig):
    name = "controlplane.insights"
