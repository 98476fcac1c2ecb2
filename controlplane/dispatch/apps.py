"""Leased commands, admission of runs, and the agents' endpoints."""

from django.apps import AppConfig


class DispatchConfig(AppConfig):
    name = "controlplane.dispatch"
