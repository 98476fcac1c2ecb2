"""The rows of the audit log. They are only ever inserted."""

from django.db import models
from django.db.models.functions import Now

from tenants.ids import uuid7
from tenants.scoping import TenantModel


class AuditEvent(TenantModel):
    """One action that changed something, or was refused."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(db_default=Now())
    # tenants.access.Actor as it was then.
    actor_kind = models.CharField(max_length=12)
    actor_id = models.UUIDField(null=True)
    actor_label = models.CharField(max_length=254)
    address = models.CharField(max_length=45, blank=True)
    # `subject.action` in Dagster's and our terms, such as run.launch or grant.create.
    action = models.CharField(max_length=60)
    target_kind = models.CharField(max_length=40)
    target_id = models.CharField(max_length=100, blank=True)
    target_label = models.CharField(max_length=500, blank=True)
    deployment_id = models.UUIDField(null=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    result = models.CharField(max_length=10, default="success")
    reason = models.CharField(max_length=500, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "audit_event"
        indexes = [
            models.Index(fields=["org_id", "-id"], name="audit_event_newest"),
            models.Index(fields=["org_id", "action", "-id"], name="audit_event_by_action"),
            models.Index(fields=["org_id", "actor_id", "-id"], name="audit_event_by_actor"),
        ]
