"""Agents that may not come in, whatever token they bring."""

from django.apps import AppConfig


class CredentialsConfig(AppConfig):
    name = "tenants.credentials"
    label = "credentials"
