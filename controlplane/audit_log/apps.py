"""The audit log outside: its REST API, exports, and the streams that carry it to where it is kept."""

from django.apps import AppConfig


class AuditLogConfig(AppConfig):
    name = "controlplane.audit_log"
    label = "audit_log"
