"""Assets as they are: the history of materializations, observations and checks, and the latest state, which outlives the history."""

from django.db import models
from django.utils import timezone

from tenants.scoping import TenantModel


class AssetEventKind(models.TextChoices):
    """What happened to an asset."""

    MATERIALIZATION = "materialization", "Materialization"
    OBSERVATION = "observation", "Observation"
    PLANNED = "planned", "Planned materialization"


class AssetEvent(TenantModel):
    """One event of one asset. `id` rises through the whole installation: it is dagster's storage id. Partitioned by `recorded_at`."""

    pk = models.CompositePrimaryKey("recorded_at", "id")
    id = models.BigIntegerField()
    recorded_at = models.DateTimeField()
    deployment_id = models.UUIDField()
    asset_key = models.TextField()
    partition_key = models.TextField(null=True)
    kind = models.CharField(max_length=16, choices=AssetEventKind.choices)
    run_id = models.UUIDField(null=True)
    step_key = models.TextField(null=True)
    # The child's clock, as in the run's event log.
    at = models.DateTimeField()
    description = models.TextField(blank=True)
    metadata = models.JSONField(default=dict)
    tags = models.JSONField(default=dict)
    # dagster's own serialization of the event log entry, for the instance view.
    serdes = models.TextField(blank=True)

    class Meta(TenantModel.Meta):
        db_table = "asset_event"
        indexes = [
            models.Index(fields=["org_id", "deployment_id", "asset_key", "kind", "-id"], name="asset_event_newest"),
            models.Index(fields=["org_id", "run_id"], name="asset_event_run"),
        ]


class AssetState(TenantModel):
    """The latest of everything about one asset in one deployment; ids are AssetEvent ids."""

    pk = models.CompositePrimaryKey("deployment_id", "asset_key")
    deployment_id = models.UUIDField()
    asset_key = models.TextField()
    # The latest materialization, whole, so that it survives the history.
    materialization_id = models.BigIntegerField(null=True)
    materialized_at = models.DateTimeField(null=True)
    materialization_run_id = models.UUIDField(null=True)
    materialization_partition = models.TextField(null=True)
    materialization_metadata = models.JSONField(default=dict)
    materialization_tags = models.JSONField(default=dict)
    materialization_serdes = models.TextField(blank=True)
    observation_id = models.BigIntegerField(null=True)
    observed_at = models.DateTimeField(null=True)
    observation_serdes = models.TextField(blank=True)
    planned_id = models.BigIntegerField(null=True)
    planned_run_id = models.UUIDField(null=True)
    failed_at = models.DateTimeField(null=True)
    failed_run_id = models.UUIDField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "asset_state"


class PartitionState(TenantModel):
    """The latest of one partition of one asset."""

    pk = models.CompositePrimaryKey("deployment_id", "asset_key", "partition_key")
    deployment_id = models.UUIDField()
    asset_key = models.TextField()
    partition_key = models.TextField()
    materialization_id = models.BigIntegerField(null=True)
    materialized_at = models.DateTimeField(null=True)
    materialization_run_id = models.UUIDField(null=True)
    materialization_metadata = models.JSONField(default=dict)
    materialization_tags = models.JSONField(default=dict)
    materialization_serdes = models.TextField(blank=True)
    planned_id = models.BigIntegerField(null=True)
    planned_run_id = models.UUIDField(null=True)
    failed_at = models.DateTimeField(null=True)
    failed_run_id = models.UUIDField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "partition_state"


class CheckEvaluation(TenantModel):
    """One evaluation of one asset check. Partitioned by `recorded_at`; shares the ids of AssetEvent."""

    pk = models.CompositePrimaryKey("recorded_at", "id")
    id = models.BigIntegerField()
    recorded_at = models.DateTimeField()
    deployment_id = models.UUIDField()
    asset_key = models.TextField()
    check_name = models.TextField()
    partition_key = models.TextField(null=True)
    run_id = models.UUIDField(null=True)
    step_key = models.TextField(null=True)
    at = models.DateTimeField()
    passed = models.BooleanField()
    severity = models.CharField(max_length=8)
    blocking = models.BooleanField(default=False)
    description = models.TextField(blank=True)
    metadata = models.JSONField(default=dict)
    target_run_id = models.UUIDField(null=True)
    target_event_id = models.BigIntegerField(null=True)
    serdes = models.TextField(blank=True)

    class Meta(TenantModel.Meta):
        db_table = "check_evaluation"
        indexes = [
            models.Index(
                fields=["org_id", "deployment_id", "asset_key", "check_name", "-id"], name="check_evaluation_newest"
            ),
            models.Index(fields=["org_id", "run_id"], name="check_evaluation_run"),
        ]


class CheckState(TenantModel):
    """The latest evaluation of one check in one deployment."""

    pk = models.CompositePrimaryKey("deployment_id", "asset_key", "check_name")
    deployment_id = models.UUIDField()
    asset_key = models.TextField()
    check_name = models.TextField()
    evaluation_id = models.BigIntegerField()
    at = models.DateTimeField()
    run_id = models.UUIDField(null=True)
    passed = models.BooleanField()
    severity = models.CharField(max_length=8)
    partition_key = models.TextField(null=True)
    description = models.TextField(blank=True)
    metadata = models.JSONField(default=dict)
    serdes = models.TextField(blank=True)

    class Meta(TenantModel.Meta):
        db_table = "check_state"


class DynamicPartition(TenantModel):
    """One key of a dynamic partitions definition in one deployment."""

    pk = models.CompositePrimaryKey("deployment_id", "definition", "partition_key")
    deployment_id = models.UUIDField()
    definition = models.TextField()
    partition_key = models.TextField()
    # The order of addition; keys that are added together keep their order.
    position = models.BigIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        db_table = "dynamic_partition"


class AssetChange(TenantModel):
    """Something happened to an asset, for one consumer that follows changes. Only added to and deleted from, so that nobody waits."""

    id = models.BigAutoField(primary_key=True)
    deployment_id = models.UUIDField()
    # changes.Consumer
    consumer = models.CharField(max_length=12)
    # Empty: the keys of some dynamic partitions definition changed.
    asset_key = models.TextField()

    class Meta(TenantModel.Meta):
        db_table = "asset_change"
        indexes = [models.Index(fields=["org_id", "consumer", "deployment_id", "id"], name="asset_change_of_consumer")]
