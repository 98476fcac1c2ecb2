"""Deliveries of reported events, wipes of assets, and the sessions and messages of Pipes over HTTP."""

from django.db import models
from django.utils import timezone

from tenants.ids import uuid7
from tenants.scoping import TenantModel


class ReportDelivery(TenantModel):
    """An event that was reported with an id of its sender's: the same again has no second effect."""

    pk = models.CompositePrimaryKey("deployment_id", "delivery_id")
    deployment_id = models.UUIDField()
    delivery_id = models.CharField(max_length=250)
    # What was reported with it, so that an id that is used twice for different events is told from a repetition.
    digest = models.CharField(max_length=64)
    # AssetEvent.id or CheckEvaluation.id.
    event_id = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        db_table = "report_delivery"
        # Of the sweep that forgets them.
        indexes = [models.Index(fields=["created_at"], name="report_delivery_age")]


class AssetWipe(TenantModel):
    """Somebody removed what was known of an asset, or of some of its partitions, up to a moment; done in small bites."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    deployment_id = models.UUIDField()
    asset_key = models.TextField()
    # null: all of the asset. Otherwise these partitions, by name.
    partitions = models.JSONField(null=True)
    # What is newer was made after the wipe was asked for, and stays.
    up_to_id = models.BigIntegerField()
    actor_label = models.CharField(max_length=254)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)
    # Of `partitions`; 0 for all of the asset.
    partition_count = models.PositiveIntegerField(default=0)
    # How far it is: partitions whose state is gone, then the last event that was looked at.
    partitions_done = models.PositiveIntegerField(default=0)
    events_seen_to = models.BigIntegerField(default=0)
    events_deleted = models.BigIntegerField(default=0)
    due_at = models.DateTimeField(null=True, default=timezone.now)

    class Meta(TenantModel.Meta):
        db_table = "asset_wipe"
        indexes = [
            models.Index(fields=["org_id", "deployment_id", "asset_key", "-id"], name="asset_wipe_newest"),
            models.Index(fields=["due_at"], name="asset_wipe_due", condition=models.Q(due_at__isnull=False)),
        ]


class PipesSession(TenantModel):
    """A process outside of the run that writes messages to one step of it. It is dead when the attempt has ended."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    deployment_id = models.UUIDField()
    run_id = models.UUIDField()
    attempt = models.IntegerField()
    epoch = models.IntegerField()
    # What the outside process is given to begin with (dagster's PipesContextData).
    context = models.JSONField(null=True)
    # The highest number that was stored without a gap, and the highest that was read and deleted.
    last_number = models.BigIntegerField(default=0)
    read_number = models.BigIntegerField(default=0)
    bytes_stored = models.BigIntegerField(default=0)
    bytes_read = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "pipes_session"
        indexes = [models.Index(fields=["org_id", "run_id"], name="pipes_session_of_run")]


class PipesMessage(TenantModel):
    """One message that nobody has read yet; who reads on deletes what came before."""

    pk = models.CompositePrimaryKey("deployment_id", "session_id", "number")
    deployment_id = models.UUIDField()
    session_id = models.UUIDField()
    number = models.BigIntegerField()
    body = models.JSONField()
    size = models.IntegerField()

    class Meta(TenantModel.Meta):
        db_table = "pipes_message"
