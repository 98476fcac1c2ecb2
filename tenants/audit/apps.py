"""The audit log: who did what, on what, from where, in one append-only table chained by hashes."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "tenants.audit"
    label = "audit"
