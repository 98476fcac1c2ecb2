"""The record of agents."""

from django.apps import AppConfig


class FleetConfig(AppConfig):
    name = "controlplane.fleet"
