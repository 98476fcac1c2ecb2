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


class AuditSeal(TenantModel):
    """The place of one event in its organization's chain: `hash` is SHA-256 over the hash before it and the event's text.

    Written by the database when the event's transaction commits (migrations/0002_chain.py); the application may only read it.
    """

    pk = models.CompositePrimaryKey("org_id", "number")
    # From 1, without gaps.
    number = models.BigIntegerField()
    event_id = models.UUIDField()
    hash = models.BinaryField(max_length=32)

    class Meta(TenantModel.Meta):
        db_table = "audit_seal"
        constraints = [models.UniqueConstraint(fields=["org_id", "event_id"], name="audit_seal_of_event")]


class AuditTurn(TenantModel):
    """An event that waits, within its commit, for everything else that the commit still does; empty outside of commits."""

    pk = models.CompositePrimaryKey("org_id", "event_id")
    event_id = models.UUIDField()

    class Meta(TenantModel.Meta):
        db_table = "audit_turn"


class AuditTombstone(models.Model):
    """What is left of a deleted organization: its name, and the head of its audit chain, against which a kept export can be held."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization_id = models.UUIDField()
    slug = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    deleted_at = models.DateTimeField(db_default=Now())
    deleted_by = models.CharField(max_length=254)
    last_number = models.BigIntegerField()
    last_hash = models.BinaryField(max_length=32, null=True)

    class Meta:
        db_table = "audit_tombstone"
