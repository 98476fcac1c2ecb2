"""The wrapped data keys."""

from django.db import models
from django.utils import timezone

from tenants.ids import uuid7
from tenants.scoping import TenantModel


class DataKey(TenantModel):
    """The key under which one organization's secrets are sealed; worth nothing without the master key that wraps it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    wrapped = models.BinaryField()
    # Which master key wraps it (tenants.sealing.key_name).
    master_key = models.CharField(max_length=16)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        db_table = "data_key"
        constraints = [models.UniqueConstraint(fields=["org_id"], name="data_key_once")]
