"""Schedules and sensors, their ticks, automation conditions, backfills, and the runs that any of them asked for."""

from django.db import models
from django.utils import timezone

from controlplane.automation.instigator_models import (
    LOST,
    Choice,
    FollowedDefinitions,
    Instigator,
    InstigatorKind,
    SensorRunKey,
    Tick,
    TickStatus,
)
from tenants.ids import uuid7
from tenants.scoping import TenantModel


class RequestSource(models.TextChoices):
    """What asked for a run."""

    TICK = "tick", "Tick"
    EVALUATION = "evaluation", "Automation conditions"
    BACKFILL = "backfill", "Backfill"


class RequestState(models.TextChoices):
    """A requested run is launched once, or says why not."""

    PENDING = "pending", "Pending"
    LAUNCHED = "launched", "Launched"
    # Its run key was used before.
    DUPLICATE = "duplicate", "Not launched again"
    REFUSED = "refused", "Refused"
    CANCELED = "canceled", "Cancelled"


class RequestedRun(TenantModel):
    """A run that a tick, the conditions or a backfill asked for, stored in the transaction that moved the asker on (requests.py).

    What is stored is launched exactly once, whatever dies: from here to the run it is one transaction. Partitioned by week on `id`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    deployment_id = models.UUIDField()
    source = models.CharField(max_length=10, choices=RequestSource.choices)
    # The tick, the evaluation (AssetEvaluation.tick_id), the backfill.
    source_id = models.UUIDField()
    position = models.PositiveIntegerField()
    # Whose run keys count; null where there are none.
    instigator_id = models.UUIDField(null=True)
    run_key = models.TextField(null=True)
    # runs.requests.RunRequest, as requests.body_of writes it.
    body = models.JSONField()
    state = models.CharField(max_length=9, choices=RequestState.choices, default=RequestState.PENDING)
    run_id = models.UUIDField(null=True)
    refusal = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        db_table = "requested_run"
        indexes = [
            models.Index(fields=["org_id", "source_id", "position"], name="requested_run_of_source"),
            models.Index(
                fields=["org_id", "source", "id"], name="requested_run_pending", condition=models.Q(state="pending")
            ),
        ]


class ConditionEvaluator(TenantModel):
    """The evaluation of one deployment's automation conditions: one at a time, by whoever holds the lease."""

    deployment_id = models.UUIDField(primary_key=True)
    is_paused = models.BooleanField(default=False)
    paused_by = models.CharField(max_length=254, blank=True)
    paused_at = models.DateTimeField(null=True)
    # Rises with every evaluation; an evaluation that finds another number stored than it began with is too late.
    number = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    # Of the evaluation that is under way, or whose process was stopped; and the definitions that it is of.
    began_at = models.DateTimeField(null=True)
    began_with = models.CharField(max_length=64, blank=True)
    # In a row; and until when it is left alone for that, unless it is given other definitions.
    stopped = models.IntegerField(default=0)
    retry_at = models.DateTimeField(null=True)
    # The next boundary of time that some condition waits for; changes of assets need none.
    next_due_at = models.DateTimeField(null=True)
    evaluated_at = models.DateTimeField(null=True)
    seconds = models.FloatField(null=True)
    # When the definitions or the running sensors were last other than evaluated.
    definitions = models.CharField(max_length=64, blank=True)
    # {"evaluation"?: why nothing could be evaluated, "locations"?: {name: why its definitions are left out}}
    error = models.JSONField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "condition_evaluator"
        indexes = [
            models.Index(fields=["next_due_at"], name="condition_evaluator_due", condition=models.Q(is_paused=False))
        ]


class ConditionState(TenantModel):
    """Where the condition of one asset or check is: dagster's own serialized cursor of it."""

    pk = models.CompositePrimaryKey("deployment_id", "entity")
    deployment_id = models.UUIDField()
    # `a/b` for an asset, `a/b:name` for a check.
    entity = models.TextField()
    cursor = models.TextField()
    evaluated_at = models.DateTimeField()
    number = models.BigIntegerField()
    next_due_at = models.DateTimeField(null=True)
    # Its own fault: it is left out, and the others go on.
    error = models.JSONField(null=True)
    failed_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "condition_state"
        indexes = [models.Index(fields=["org_id", "deployment_id", "next_due_at"], name="condition_state_due")]


class AssetEvaluation(TenantModel):
    """What came of one condition at one evaluation, where something came of it or it changed. Partitioned by week on `id`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    deployment_id = models.UUIDField()
    # All of one evaluation share it; it is the source of the runs that were requested.
    tick_id = models.UUIDField()
    number = models.BigIntegerField()
    entity = models.TextField()
    instigator_id = models.UUIDField(null=True)
    at = models.DateTimeField()
    # A node: {"class", "description", "label", "status": TRUE/FALSE/SKIPPED, "true": n, "candidates": n, "partitions"?, "children"}.
    tree = models.JSONField(null=True)
    requested = models.PositiveIntegerField(default=0)
    # Requested partitions, as keys or ranges, bounded; null for an asset without partitions.
    partitions = models.JSONField(null=True)
    # The backfill that makes what was requested, where that is no run of its own.
    backfill_id = models.UUIDField(null=True)
    error = models.JSONField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "asset_evaluation"
        indexes = [
            models.Index(fields=["org_id", "deployment_id", "entity", "-id"], name="asset_evaluation_newest"),
            models.Index(fields=["org_id", "tick_id"], name="asset_evaluation_of_tick"),
        ]


class BackfillKind(models.TextChoices):
    """What a backfill makes."""

    ASSETS = "assets", "Assets"
    JOB = "job", "Job"


class BackfillStatus(models.TextChoices):
    """Dagster's BulkActionStatus."""

    REQUESTED = "REQUESTED", "Running"
    CANCELING = "CANCELING", "Canceling"
    CANCELED = "CANCELED", "Canceled"
    FAILING = "FAILING", "Failing"
    COMPLETED_SUCCESS = "COMPLETED_SUCCESS", "Completed"
    COMPLETED_FAILED = "COMPLETED_FAILED", "Completed with failures"


# Of backfills that are not over.
OPEN_BACKFILLS = (BackfillStatus.REQUESTED, BackfillStatus.CANCELING, BackfillStatus.FAILING)


class Backfill(TenantModel):
    """Many partitions, made by many runs. Where it is with each stands in backfill_partition, what it asked for in requested_run: whoever
    plans it next needs nothing else.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    deployment_id = models.UUIDField()
    kind = models.CharField(max_length=6, choices=BackfillKind.choices)
    title = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    # Of a job backfill.
    location_name = models.CharField(max_length=200, blank=True)
    job_name = models.CharField(max_length=500, blank=True)
    assets = models.JSONField(default=list)
    # As it was asked for: {"all": true}, {"keys": [...]}, {"ranges": [[first, last], ...]}, or by asset {"by_asset": {key: ...}}.
    selection = models.JSONField(default=dict)
    tags = models.JSONField(default=dict)
    run_config = models.JSONField(default=dict)
    priority = models.IntegerField(default=0)
    status = models.CharField(max_length=17, choices=BackfillStatus.choices, default=BackfillStatus.REQUESTED)
    is_paused = models.BooleanField(default=False)
    paused_by = models.CharField(max_length=254, blank=True)
    cancel_requested_by = models.CharField(max_length=254, blank=True)
    parent_id = models.UUIDField(null=True)

    actor_kind = models.CharField(max_length=12)
    actor_id = models.UUIDField(null=True)
    actor_label = models.CharField(max_length=254)
    created_at = models.DateTimeField(default=timezone.now)
    planned_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    # Rises with every plan, so that a planner that comes late changes nothing.
    plan_number = models.PositiveIntegerField(default=0)
    # Something came to be since the last plan that others may have waited for.
    needs_plan = models.BooleanField(default=True)
    # Until when it has looked for runs that were made again of its own.
    looked_at = models.DateTimeField(null=True)
    next_due_at = models.DateTimeField(null=True)
    # agent.protocol.ErrorInfo of a plan that could not be made; it is tried again.
    error = models.JSONField(null=True)
    # Why nothing is launched now, for people.
    waiting = models.CharField(max_length=500, blank=True)
    # How many runs it has asked for: the next request's position.
    requests = models.PositiveIntegerField(default=0)
    # By PartitionProgress, as of the last look.
    counts = models.JSONField(default=dict)

    class Meta(TenantModel.Meta):
        db_table = "backfill"
        indexes = [
            models.Index(fields=["org_id", "deployment_id", "-id"], name="backfill_newest"),
            models.Index(
                fields=["org_id", "deployment_id"], name="backfill_paused", condition=models.Q(is_paused=True)
            ),
            models.Index(
                fields=["next_due_at"],
                name="backfill_due",
                condition=models.Q(status__in=["REQUESTED", "CANCELING", "FAILING"]),
            ),
        ]


class PartitionProgress(models.TextChoices):
    """Where a backfill is with one partition."""

    TARGETED = "targeted", "Waiting"
    REQUESTED = "requested", "Queued or running"
    MATERIALIZED = "materialized", "Completed"
    FAILED = "failed", "Failed"
    CANCELED = "canceled", "Canceled"
    # Nothing was launched for it, or its run made nothing of it; `note` says why.
    SKIPPED = "skipped", "Not made"


class BackfillPartition(TenantModel):
    """One partition of one asset (or of the job: asset_key is empty) in one backfill. An asset without partitions has the key ''.

    It is targeted until its run is launched; `request_id` is set once that is asked for.
    """

    pk = models.CompositePrimaryKey("backfill_id", "asset_key", "partition_key")
    backfill_id = models.UUIDField()
    asset_key = models.TextField()
    partition_key = models.TextField()
    # Its place in the definition as of then: what lies side by side is shown side by side.
    position = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=12, choices=PartitionProgress.choices, default=PartitionProgress.TARGETED)
    request_id = models.UUIDField(null=True)
    run_id = models.UUIDField(null=True)
    note = models.TextField(blank=True)

    class Meta(TenantModel.Meta):
        db_table = "backfill_partition"
        indexes = [
            models.Index(fields=["org_id", "backfill_id", "asset_key", "state"], name="backfill_partition_by_state"),
            models.Index(fields=["org_id", "run_id"], name="backfill_partition_of_run"),
            models.Index(fields=["org_id", "request_id"], name="backfill_partition_of_request"),
            models.Index(
                fields=["org_id", "backfill_id"],
                name="backfill_partition_in_progress",
                condition=models.Q(state="requested"),
            ),
        ]


__all__ = [
    "LOST",
    "OPEN_BACKFILLS",
    "AssetEvaluation",
    "Backfill",
    "BackfillKind",
    "BackfillPartition",
    "BackfillStatus",
    "Choice",
    "ConditionEvaluator",
    "ConditionState",
    "FollowedDefinitions",
    "Instigator",
    "InstigatorKind",
    "PartitionProgress",
    "RequestSource",
    "RequestState",
    "RequestedRun",
    "SensorRunKey",
    "Tick",
    "TickStatus",
]
