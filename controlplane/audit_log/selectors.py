"""Reading streams."""

from uuid import UUID

from django.db.models import QuerySet

from controlplane.audit_log.models import AuditStream


def streams(org_id: UUID) -> QuerySet[AuditStream]:
    """Every stream of an organization; read it inside org_scope."""
    return AuditStream.objects.for_org(org_id)
