"""Mail that waits to be sent."""

from django.db import models
from django.db.models.functions import Now

from tenants.ids import uuid7


class OutgoingMail(models.Model):
    """One mail to one address; the row goes when the mail has gone, or when it was tried for too long."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    recipient = models.EmailField()
    subject = models.CharField(max_length=500)
    # The text, sealed: it may hold a link that signs somebody in.
    sealed = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "outgoing_mail"
        indexes = [models.Index(fields=["due_at"], name="outgoing_mail_due")]
