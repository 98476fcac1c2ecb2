"""Runs, attempts, steps, events and logs."""

from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "controlplane.runs"
