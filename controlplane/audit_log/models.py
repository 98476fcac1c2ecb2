"""Streams: where else an organization's audit log is kept, and how far each has come."""

from django.db import models
from django.db.models.functions import Now

from tenants.ids import uuid7
from tenants.scoping import TenantModel


class StreamKind(models.TextChoices):
    """What takes the events."""

    WEBHOOK = "webhook", "Webhook"
    S3 = "s3", "S3 bucket"
    SYSLOG = "syslog", "Syslog"


class AuditStream(TenantModel):
    """One receiver of the audit log. `position` is the number, in the chain, of the last event that it has taken."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=StreamKind.choices)
    # streams.destinations says what each kind needs; secrets are apart.
    config = models.JSONField(default=dict)
    # JSON of names and values, sealed (tenants.sealing).
    sealed_secrets = models.BinaryField()
    position = models.BigIntegerField(default=0)
    is_paused = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=254)
    last_delivered_at = models.DateTimeField(null=True)
    # Attempts in a row that failed; 0 while it works.
    failures = models.IntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True)
    # Not before this: after a failure, or while somebody delivers.
    next_attempt_at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        db_table = "audit_stream"
        constraints = [models.UniqueConstraint(fields=["org_id", "name"], name="audit_stream_name_once")]
