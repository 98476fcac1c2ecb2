"""Pages, templates and the front end."""

from django.apps import AppConfig


class UiConfig(AppConfig):
    name = "controlplane.ui"
