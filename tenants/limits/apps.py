"""How much each organization may use."""

from django.apps import AppConfig


class LimitsConfig(AppConfig):
    name = "tenants.limits"
    label = "limits"
