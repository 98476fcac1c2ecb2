"""Schedules and sensors, their ticks, automation conditions, backfills, and the runs that any of them asked for."""

from django.db import models
from django.utils import timezone

from tenants.ids import uuid7
from tenants.scoping import TenantModel


class InstigatorKind(models.TextChoices):
    """Dagster's word for what starts runs by itself."""

    SCHEDULE = "schedule", "Schedule"
    SENSOR = "sensor", "Sensor"


class Choice(models.TextChoices):
    """What people decided about an instigator; empty: its code decides (default_status)."""

    RUNNING = "running", "Running"
    STOPPED = "stopped", "Stopped"


class Instigator(TenantModel):
    """One schedule or sensor of one deployment: what its code says, what people decided, and where it is.

    It outlives its definition: what is not defined any more does not run, and can still be turned off.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    deployment_id = models.UUIDField()
    location_name = models.CharField(max_length=200)
    kind = models.CharField(max_length=8, choices=InstigatorKind.choices)
    name = models.CharField(max_length=500)

    # As the current definitions say.
    is_defined = models.BooleanField(default=True)
    sensor_type = models.CharField(max_length=40, blank=True)
    cron = models.JSONField(default=list)
    timezone = models.CharField(max_length=100, blank=True)
    min_interval_seconds = models.FloatField(null=True)
    # How long one tick may take; null where the definition does not say (ticks.policies).
    timeout_seconds = models.FloatField(null=True)
    is_default_running = models.BooleanField(default=False)

    # As people say.
    choice = models.CharField(max_length=8, choices=Choice.choices, blank=True)
    chosen_by = models.CharField(max_length=254, blank=True)
    chosen_at = models.DateTimeField(null=True)
    # "Run for 30 minutes or N ticks": it stops by itself when either is over.
    runs_until = models.DateTimeField(null=True)
    ticks_left = models.PositiveIntegerField(null=True)

    # What follows from both. Only what is running has a next tick, and a sensor none while one is open.
    is_running = models.BooleanField(default=False)
    running_since = models.DateTimeField(null=True)
    next_tick_at = models.DateTimeField(null=True)
    last_tick_at = models.DateTimeField(null=True)
    cursor = models.TextField(null=True)
    last_run_key = models.TextField(null=True)
    # The tick that is being evaluated: a sensor has one at a time.
    open_tick_id = models.UUIDField(null=True)
    failures_in_a_row = models.PositiveIntegerField(default=0)
    # The first tick of a schedule that nobody could evaluate: those since may be caught up when an agent is there again.
    missed_from = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "instigator"
        constraints = [
            models.UniqueConstraint(
                fields=["org_id", "deployment_id", "location_name", "kind", "name"], name="instigator_once"
            )
        ]
        indexes = [
            models.Index(fields=["next_tick_at"], name="instigator_due", condition=models.Q(is_running=True)),
            models.Index(
                fields=["missed_from"], name="instigator_missed", condition=models.Q(missed_from__isnull=False)
            ),
        ]


class FollowedDefinitions(TenantModel):
    """The definitions of one code location as its instigators say them now: where the location has others, they are to be reconciled."""

    pk = models.CompositePrimaryKey("deployment_id", "location_name")
    deployment_id = models.UUIDField()
    location_name = models.CharField(max_length=200)
    manifest_sha256 = models.CharField(max_length=64)

    class Meta(TenantModel.Meta):
        db_table = "followed_definitions"


class TickStatus(models.TextChoices):
    """Every expected tick ends as one of the last four; dagster's names where it has them."""

    # Due, and no agent has been asked yet.
    WAITING = "WAITING", "Waiting"
    STARTED = "STARTED", "Started"
    SUCCESS = "SUCCESS", "Requested runs"
    SKIPPED = "SKIPPED", "Skipped"
    FAILURE = "FAILURE", "Failed"
    # Nobody could evaluate it: no agent, no code. A schedule's may still be caught up.
    MISSED = "MISSED", "Missed"


class Tick(TenantModel):
    """One evaluation of one schedule or sensor. Partitioned by week on `id`.

    `id` is a UUIDv7 made of the time it was due and of its instigator (ticks.identity), so that there is one row for each, whoever
    makes it, however often.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    deployment_id = models.UUIDField()
    instigator_id = models.UUIDField()
    # As of then: the instigator may go.
    location_name = models.CharField(max_length=200)
    kind = models.CharField(max_length=8, choices=InstigatorKind.choices)
    name = models.CharField(max_length=500)
    due_at = models.DateTimeField()
    status = models.CharField(max_length=8, choices=TickStatus.choices, default=TickStatus.WAITING)
    created_at = models.DateTimeField(default=timezone.now)
    # Since when it waits for an agent: its creation, or the loss of the agent that evaluated it.
    waiting_since = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # While it is open: when somebody looks after it, and when its evaluation has taken too long.
    look_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    # How often an agent was asked; the command that counts is the last one.
    attempt = models.PositiveIntegerField(default=0)
    command_id = models.UUIDField(null=True)
    version_id = models.UUIDField(null=True)
    cursor_before = models.TextField(null=True)
    cursor_after = models.TextField(null=True)
    skip_reason = models.TextField(blank=True)
    # agent.protocol.ErrorInfo of user code; `reason` is ours, for people.
    error = models.JSONField(null=True)
    reason = models.TextField(blank=True)
    # What it logged, bounded, as text lines.
    log = models.TextField(blank=True)
    requested = models.PositiveIntegerField(default=0)
    # [{"op": "add" | "delete", "name", "keys"}] as applied.
    dynamic_partitions = models.JSONField(default=list)
    # Runs a run-status sensor reacted to: [{"run_id", "status", "error"}].
    reactions = models.JSONField(default=list)
    # Who asked for it by hand; empty for the clock's.
    asked_by = models.CharField(max_length=254, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "tick"
        indexes = [
            models.Index(fields=["org_id", "instigator_id", "-id"], name="tick_newest"),
            models.Index(fields=["org_id", "deployment_id", "status", "-id"], name="tick_by_status"),
            models.Index(fields=["look_at"], name="tick_open", condition=models.Q(status__in=["WAITING", "STARTED"])),
        ]


class SensorRunKey(TenantModel):
    """A run key that a sensor has used: it makes no second run."""

    pk = models.CompositePrimaryKey("instigator_id", "run_key")
    instigator_id = models.UUIDField()
    run_key = models.TextField()
    run_id = models.UUIDField(null=True)
    used_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        db_table = "sensor_run_key"


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
    # The next boundary of time that some condition waits for; changes of assets need none.
    next_due_at = models.DateTimeField(null=True)
    evaluated_at = models.DateTimeField(null=True)
    seconds = models.FloatField(null=True)
    # When the definitions or the running sensors were last other than evaluated.
    definitions = models.CharField(max_length=64, blank=True)
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
                fields=["next_due_at"],
                name="backfill_due",
                condition=models.Q(status__in=["REQUESTED", "CANCELING", "FAILING"]),
            ),
        ]


class PartitionProgress(models.TextChoices):
    """Where a backfill is with one partition."""

    TARGETED = "targeted", "Waiting"
    REQUESTED = "requested", "In progress"
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
