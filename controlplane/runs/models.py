"""Runs, their attempts, steps, events and captured logs. All partitioned by week on the run's own UUIDv7."""

from django.db import models
from django.utils import timezone

from controlplane.runs.states import AttemptState, RunStatus, StepStatus
from tenants.ids import uuid7
from tenants.scoping import TenantModel


class Run(TenantModel):
    """One run of a job or of selected assets. Status follows states.py; terminal states absorb."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    deployment_id = models.UUIDField()
    location_id = models.UUIDField()
    location_name = models.CharField(max_length=200)
    version_id = models.UUIDField()
    job_name = models.CharField(max_length=500)
    status = models.CharField(max_length=12, choices=RunStatus.choices, default=RunStatus.QUEUED)

    # Selections as user strings: `a/b` for assets, `a/b:name` for checks. Null means all of the job.
    asset_selection = models.JSONField(null=True)
    check_selection = models.JSONField(null=True)
    op_selection = models.JSONField(null=True)
    step_keys = models.JSONField(null=True)
    # The assets that this run will materialize, resolved when it was requested.
    target_assets = models.JSONField(default=list)
    partition_key = models.CharField(max_length=1000, null=True)
    run_config = models.JSONField(default=dict)
    tags = models.JSONField(default=dict)
    parent_run_id = models.UUIDField(null=True)
    root_run_id = models.UUIDField(null=True)
    queue = models.CharField(max_length=100)
    priority = models.IntegerField(default=0)
    # For whom it runs: runs of one priority start in turn among these (fair_share.py).
    share = models.CharField(max_length=254, default="", db_default="")
    # Concurrency pools of what it touches; `gate_pools` are the same when nothing of it is outside a pool, and none otherwise.
    pools = models.JSONField(default=list, db_default=[])
    gate_pools = models.JSONField(default=list, db_default=[])

    actor_kind = models.CharField(max_length=12)
    actor_id = models.UUIDField(null=True)
    actor_label = models.CharField(max_length=254)

    created_at = models.DateTimeField(default=timezone.now)
    claimed_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    cancel_requested_by = models.CharField(max_length=254, blank=True)
    ended_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(default=timezone.now)

    attempt = models.PositiveIntegerField(default=0)
    epoch = models.PositiveIntegerField(default=0)
    agent_id = models.UUIDField(null=True)
    worker_mode = models.CharField(max_length=12, blank=True)
    # Why it ended, for people; empty for a success. `failure_code` is one of reasons.FailureCode.
    failure_code = models.CharField(max_length=32, blank=True)
    failure_message = models.TextField(blank=True)
    # What comes after a failure: one of retries.Verdict, in words, when, and the run that it became.
    retry_verdict = models.CharField(max_length=10, blank=True, default="", db_default="")
    retry_message = models.TextField(blank=True, default="", db_default="")
    retry_at = models.DateTimeField(null=True)
    retry_run_id = models.UUIDField(null=True)
    event_count = models.BigIntegerField(default=0)

    steps_total = models.PositiveIntegerField(default=0)
    steps_succeeded = models.PositiveIntegerField(default=0)
    steps_failed = models.PositiveIntegerField(default=0)
    cpu_seconds = models.FloatField(default=0)
    gib_seconds = models.FloatField(default=0)
    peak_rss_bytes = models.BigIntegerField(default=0)
    cost_micros = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        db_table = "run"
        indexes = [
            models.Index(fields=["org_id", "deployment_id", "-id"], name="run_newest"),
            models.Index(fields=["org_id", "deployment_id", "status", "-id"], name="run_by_status"),
            # Two code locations may have a job of one name.
            models.Index(
                fields=["org_id", "deployment_id", "job_name", "-id"], include=["location_name"], name="run_by_job"
            ),
            models.Index(fields=["org_id", "deployment_id", "location_name", "-id"], name="run_by_location"),
            models.Index(
                fields=["org_id", "deployment_id", "share", "-priority", "id"],
                name="run_queue_of_share",
                condition=models.Q(status="QUEUED"),
            ),
            models.Index(fields=["retry_at"], name="run_retry_due", condition=models.Q(retry_verdict="due")),
            models.Index(fields=["org_id", "root_run_id"], name="run_by_root"),
            models.Index(fields=["org_id", "deployment_id", "ended_at", "id"], name="run_by_end"),
            models.Index(
                fields=["org_id", "status", "updated_at"],
                name="run_active",
                condition=models.Q(status__in=["QUEUED", "STARTING", "STARTED", "CANCELING"]),
            ),
        ]


class RunLabel(TenantModel):
    """An inverted index for run lists: which runs have an asset, a partition, a tag, a launcher (labels.py makes the labels)."""

    pk = models.CompositePrimaryKey("run_id", "label")
    run_id = models.UUIDField()
    label = models.UUIDField()
    deployment_id = models.UUIDField()

    class Meta(TenantModel.Meta):
        db_table = "run_label"
        indexes = [models.Index(fields=["org_id", "deployment_id", "label", "-run_id"], name="run_label_newest")]


class RunStatusEvent(TenantModel):
    """One move of a run, by whomever it was made. `id` is of the same rising numbers as the ids of asset events."""

    pk = models.CompositePrimaryKey("run_id", "id")
    run_id = models.UUIDField()
    id = models.BigIntegerField()
    deployment_id = models.UUIDField()
    job_name = models.CharField(max_length=500)
    # Dagster's event type for it, such as PIPELINE_SUCCESS.
    type = models.CharField(max_length=24)
    at = models.DateTimeField()
    message = models.TextField(blank=True)

    class Meta(TenantModel.Meta):
        db_table = "run_status_event"
        indexes = [models.Index(fields=["org_id", "deployment_id", "type", "-id"], name="run_status_event_newest")]


class RunAttempt(TenantModel):
    """One try at a run on one agent, fenced by its epoch, alive while its lease is renewed."""

    pk = models.CompositePrimaryKey("run_id", "attempt")
    run_id = models.UUIDField()
    attempt = models.PositiveIntegerField()
    epoch = models.PositiveIntegerField()
    agent_id = models.UUIDField()
    state = models.CharField(max_length=10, choices=AttemptState.choices, default=AttemptState.CLAIMED)
    lease_until = models.DateTimeField()
    # Highest contiguous sequence number stored.
    last_seq = models.BigIntegerField(default=0)
    pid = models.IntegerField(null=True)
    mode = models.CharField(max_length=12, blank=True)
    mode_reason = models.CharField(max_length=500, blank=True)
    claimed_at = models.DateTimeField(default=timezone.now)
    # When the agent said that the launch is durable with it; before that, a lapsed lease gives the run to another agent.
    accepted_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    exit_reason = models.CharField(max_length=32, blank=True)
    exit_code = models.IntegerField(null=True)
    exit_signal = models.CharField(max_length=16, blank=True)

    class Meta(TenantModel.Meta):
        db_table = "run_attempt"
        indexes = [
            models.Index(fields=["org_id", "agent_id"], name="run_attempt_open", condition=models.Q(ended_at=None)),
            models.Index(fields=["lease_until"], name="run_attempt_lease", condition=models.Q(ended_at=None)),
        ]


class Step(TenantModel):
    """One step of one attempt."""

    pk = models.CompositePrimaryKey("run_id", "attempt", "step_key")
    run_id = models.UUIDField()
    attempt = models.PositiveIntegerField()
    step_key = models.CharField(max_length=1000)
    status = models.CharField(max_length=12, choices=StepStatus.choices, default=StepStatus.PLANNED)
    position = models.IntegerField(default=0)
    assets = models.JSONField(default=list)
    depends_on = models.JSONField(default=list)
    tries = models.PositiveIntegerField(default=0)
    # When its process was asked for, where a step has one; when it became ready follows from what it depends on (selectors.steps).
    launched_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    error = models.JSONField(null=True)
    wall_seconds = models.FloatField(null=True)
    cpu_seconds = models.FloatField(null=True)
    peak_rss_bytes = models.BigIntegerField(null=True)
    gib_seconds = models.FloatField(null=True)
    cost_micros = models.BigIntegerField(default=0)

    class Meta(TenantModel.Meta):
        db_table = "step"


class RunEvent(TenantModel):
    """One event, stored once under (run, attempt, seq). `at` is the child's clock, `stored_at` the database's."""

    pk = models.CompositePrimaryKey("run_id", "attempt", "seq")
    run_id = models.UUIDField()
    attempt = models.IntegerField()
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    stored_at = models.DateTimeField(db_default=models.functions.Now())
    type = models.CharField(max_length=64)
    level = models.SmallIntegerField()
    step_key = models.TextField(null=True)
    message = models.TextField()
    data = models.JSONField(null=True)
    error = models.JSONField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "run_event"


class LogStream(TenantModel):
    """One captured stream (stdout or stderr) of one log key: how long it is now."""

    pk = models.CompositePrimaryKey("run_id", "attempt", "log_key", "stream")
    run_id = models.UUIDField()
    attempt = models.PositiveIntegerField()
    log_key = models.CharField(max_length=1000)
    stream = models.CharField(max_length=6)
    size = models.BigIntegerField(default=0)
    newlines = models.BigIntegerField(default=0)
    # Offset just behind the last newline: what follows it is the last, unfinished line.
    line_start = models.BigIntegerField(default=0)
    dropped_bytes = models.BigIntegerField(default=0)
    final = models.BooleanField(default=False)
    # Whether its chunks have become few large ones (log_compaction.py).
    compacted = models.BooleanField(default=False, db_default=False)

    class Meta(TenantModel.Meta):
        db_table = "log_stream"
        indexes = [
            models.Index(
                fields=["org_id", "run_id"], name="log_stream_loose", condition=models.Q(final=True, compacted=False)
            )
        ]


class LogChunk(TenantModel):
    """A stretch of a captured stream; the bytes are one object in the store, its key made from these ids."""

    pk = models.CompositePrimaryKey("run_id", "attempt", "log_key", "stream", "offset")
    run_id = models.UUIDField()
    attempt = models.PositiveIntegerField()
    log_key = models.CharField(max_length=1000)
    stream = models.CharField(max_length=6)
    offset = models.BigIntegerField()
    bytes = models.IntegerField()
    # Newlines in the stream before this chunk, and in it: line numbers without reading.
    newlines_before = models.BigIntegerField()
    newlines = models.IntegerField()

    class Meta(TenantModel.Meta):
        db_table = "log_chunk"


class Pool(TenantModel):
    """The limit that somebody set for a concurrency pool of a deployment; null: the deployment's default. Pools without one need no row."""

    pk = models.CompositePrimaryKey("deployment_id", "name")
    deployment_id = models.UUIDField()
    name = models.CharField(max_length=500)
    slots = models.PositiveIntegerField(null=True)
    updated_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta(TenantModel.Meta):
        db_table = "pool"


class PoolSlot(TenantModel):
    """A slot of a pool that a run holds, or waits for: for all of it (`step_key` is empty) or for one of its steps.

    Gone with the run's end, in the same transaction.
    """

    pk = models.CompositePrimaryKey("run_id", "pool", "step_key")
    run_id = models.UUIDField()
    pool = models.CharField(max_length=500)
    step_key = models.CharField(max_length=1000, blank=True)
    deployment_id = models.UUIDField()
    priority = models.IntegerField(default=0)
    asked_at = models.DateTimeField(db_default=models.functions.Now())
    # Null while it waits for one.
    claimed_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "pool_slot"
        indexes = [models.Index(fields=["org_id", "deployment_id", "pool"], name="pool_slot_of_pool")]


class BulkKind(models.TextChoices):
    """What is done to many runs at once."""

    CANCEL = "cancel", "Cancel"
    REEXECUTE = "reexecute", "Run again"
    REEXECUTE_FROM_FAILURE = "reexecute_from_failure", "Run again from failure"
    DELETE = "delete", "Delete"


class BulkAction(TenantModel):
    """One thing that is done to many runs, in bites; `done` and `skipped` together tell how far it is in `run_ids`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    deployment_id = models.UUIDField()
    kind = models.CharField(max_length=24, choices=BulkKind.choices)
    run_ids = models.JSONField()
    actor_kind = models.CharField(max_length=12)
    actor_id = models.UUIDField(null=True)
    actor_label = models.CharField(max_length=254)
    total = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    # What was left as it is, such as a run that had ended: how many, and why the first few.
    skipped = models.PositiveIntegerField(default=0)
    skipped_why = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        db_table = "bulk_action"
        indexes = [
            models.Index(fields=["org_id", "deployment_id", "-id"], name="bulk_action_newest"),
            models.Index(fields=["id"], name="bulk_action_open", condition=models.Q(ended_at=None)),
        ]
