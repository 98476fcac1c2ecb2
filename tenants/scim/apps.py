"""SCIM 2.0 (RFC 7643, RFC 7644)."""

from django.apps import AppConfig


class ScimConfig(AppConfig):
    name = "tenants.scim"
    label = "scim"
