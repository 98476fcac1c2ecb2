"""Who may: organizations, people, memberships, tokens, and the scoping of every row to its organization."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"
