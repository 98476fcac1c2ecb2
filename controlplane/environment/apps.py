"""Environment variables and secrets of deployments: what user code gets, and which of it we can read ourselves."""

from django.apps import AppConfig


class EnvironmentConfig(AppConfig):
    name = "controlplane.environment"
    label = "environment"
