"""Content-addressed definitions: manifests and snapshots."""

from django.apps import AppConfig


class DefinitionsConfig(AppConfig):
    name = "controlplane.definitions"
