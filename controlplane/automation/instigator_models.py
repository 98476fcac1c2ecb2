"""Schedules and sensors, and their ticks."""

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


# Begins the reason of a tick that failed for that.
LOST = "The agent that evaluated it was lost, and no other could."


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
            models.Index(fields=["org_id", "deployment_id", "-id"], name="tick_of_deployment"),
            models.Index(fields=["org_id", "deployment_id", "status", "-id"], name="tick_by_status"),
            models.Index(fields=["look_at"], name="tick_open", condition=models.Q(status__in=["WAITING", "STARTED"])),
        ]

    @property
    def was_lost(self) -> bool:
        """Whether it failed with its agent, by no fault of its code."""
        return self.status == TickStatus.FAILURE and self.error is None and self.reason.startswith(LOST)

    @property
    def is_unserved(self) -> bool:
        """Whether nobody evaluated it to the end: there was no agent, or it was lost."""
        return self.status == TickStatus.MISSED or self.was_lost


class SensorRunKey(TenantModel):
    """A run key that a sensor has used: it makes no second run."""

    pk = models.CompositePrimaryKey("instigator_id", "run_key")
    instigator_id = models.UUIDField()
    run_key = models.TextField()
    run_id = models.UUIDField(null=True)
    used_at = models.DateTimeField(default=timezone.now)

    class Meta(TenantModel.Meta):
        db_table = "sensor_run_key"
