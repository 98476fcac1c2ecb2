"""Assets as they are: the history of materializations, observations and checks, and the latest state, which outlives the history."""

from django.db import models
from django.db.models.functions import Coalesce
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
            # The history of one partition among half a million.
            models.Index(
                fields=["org_id", "deployment_id", "asset_key", "partition_key", "-id"],
                name="asset_event_of_partition",
                condition=models.Q(partition_key__isnull=False),
            ),
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
    observation_tags = models.JSONField(default=dict, db_default={})
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
    # The transaction that wrote the row last, set by a trigger: what is at or above a snapshot's xmin may be unknown to that snapshot.
    changed_xid = models.BigIntegerField(default=0, db_default=0)

    class Meta(TenantModel.Meta):
        db_table = "partition_state"
        indexes = [
            models.Index(
                fields=["org_id", "deployment_id", "asset_key", "changed_xid"], name="partition_state_changed"
            ),
            models.Index(
                fields=["org_id", "deployment_id", "asset_key"],
                name="partition_state_failed",
                condition=models.Q(failed_run_id__isnull=False),
            ),
            # Which runs plan something, and what: asked with every look at partitions.
            models.Index(
                fields=["org_id", "deployment_id", "asset_key", "planned_run_id"],
                name="partition_state_planned",
                condition=models.Q(failed_run_id__isnull=True)
                & models.Q(planned_id__gt=Coalesce(models.F("materialization_id"), 0)),
            ),
        ]


class PartitionCodes(TenantModel):
    """The status of every partition of one asset, a byte each, as of a snapshot: partition_codes.py. A cache; deleted with any state."""

    pk = models.CompositePrimaryKey("deployment_id", "asset_key")
    deployment_id = models.UUIDField()
    asset_key = models.TextField()
    # Which keys these are: equal for equal keys in equal order.
    keys_mark = models.TextField()
    # How many of the codes are those of the definition; the rest are of `others`.
    key_count = models.BigIntegerField()
    # zlib: a byte a partition; and, as JSON, the keys that have a state and are not in the definition.
    codes = models.BinaryField()
    others = models.BinaryField()
    # The snapshot's xmin: rows that changed at or after it are read beside the codes.
    as_of_xid = models.BigIntegerField()

    class Meta(TenantModel.Meta):
        db_table = "partition_codes"


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
            models.Index(fields=["org_id", "deployment_id", "asset_key", "-id"], name="check_evaluation_of_asset"),
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
        # The keys in order, and by index alone which ones there are.
        indexes = [
            models.Index(fields=["org_id", "deployment_id", "definition", "position"], name="dynamic_partition_order")
        ]


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


class FreshnessState(TenantModel):
    """How fresh an asset with a policy was when it was last judged; freshness_sweep.py keeps it."""

    pk = models.CompositePrimaryKey("deployment_id", "asset_key")
    deployment_id = models.UUIDField()
    asset_key = models.TextField()
    # freshness.Freshness
    state = models.CharField(max_length=16)
    # Since when, by the database's clock.
    changed_at = models.DateTimeField()
    # When nothing but time will change it; null: never.
    due_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "freshness_state"
        # Cross-tenant on purpose: the sweep asks what is due in the whole installation.
        indexes = [
            models.Index(fields=["due_at"], name="freshness_state_due", condition=models.Q(due_at__isnull=False))
        ]


class FreshnessChange(TenantModel):
    """An asset became fresh, or ceased to be. Partitioned by `recorded_at`; shares the ids of AssetEvent."""

    pk = models.CompositePrimaryKey("recorded_at", "id")
    id = models.BigIntegerField()
    recorded_at = models.DateTimeField()
    deployment_id = models.UUIDField()
    asset_key = models.TextField()
    # Empty: it had none.
    previous = models.CharField(max_length=16, blank=True)
    state = models.CharField(max_length=16)

    class Meta(TenantModel.Meta):
        db_table = "freshness_change"
        indexes = [models.Index(fields=["org_id", "deployment_id", "asset_key", "-id"], name="freshness_change_newest")]


class FreshnessPlan(TenantModel):
    """With which definitions and setting the freshness of a deployment's assets was planned."""

    deployment_id = models.UUIDField(primary_key=True)
    fingerprint = models.TextField()

    class Meta(TenantModel.Meta):
        db_table = "freshness_plan"


class HealthAcknowledgement(TenantModel):
    """Somebody knows why an asset is unwell. Holds until its causes change."""

    pk = models.CompositePrimaryKey("deployment_id", "asset_key")
    deployment_id = models.UUIDField()
    asset_key = models.TextField()
    # asset_health.Health.mark: the causes that were acknowledged.
    mark = models.TextField()
    reason = models.CharField(max_length=500)
    by = models.CharField(max_length=254)
    at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        db_table = "health_acknowledgement"


class CheckPartitionState(TenantModel):
    """The latest evaluation of one check of one partition."""

    pk = models.CompositePrimaryKey("deployment_id", "asset_key", "check_name", "partition_key")
    deployment_id = models.UUIDField()
    asset_key = models.TextField()
    check_name = models.TextField()
    partition_key = models.TextField()
    evaluation_id = models.BigIntegerField()
    at = models.DateTimeField()
    run_id = models.UUIDField(null=True)
    passed = models.BooleanField()
    severity = models.CharField(max_length=8)

    class Meta(TenantModel.Meta):
        db_table = "check_partition_state"
