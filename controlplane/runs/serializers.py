"""The JSON of runs, their steps and events, and of what is asked about them."""

import datetime
from typing import Any

from rest_framework import serializers

from controlplane.runs.event_selectors import EventFilter
from controlplane.runs.models import Run, RunEvent
from controlplane.runs.requests import RunRequest
from controlplane.runs.retry_policy import Verdict
from controlplane.runs.selectors import RunFilter
from controlplane.runs.states import RunStatus, StepStatus
from controlplane.runs.step_selectors import StepView
from tenants.access import ActorKind

_FIRST_YEAR = 1970


def _names(**options: Any) -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(), allow_null=True, **options)


def _since_there_are_computers(moment: datetime.datetime) -> None:
    """Ids that begin with the time begin in 1970."""
    if not _FIRST_YEAR < moment.year < datetime.MAXYEAR:
        raise serializers.ValidationError(f"No run was ever made in {moment.year}.")


class RunSerializer(serializers.Serializer[Run]):
    """A run. Selections are null when they mean all of the job; times are null until they have come."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(RunStatus.choices)
    location_name = serializers.CharField()
    job_name = serializers.CharField()
    asset_selection = _names()
    check_selection = _names()
    op_selection = _names()
    step_keys = _names()
    target_assets = serializers.ListField(child=serializers.CharField())
    partition_key = serializers.CharField(allow_null=True)
    tags = serializers.DictField(child=serializers.CharField())
    parent_run_id = serializers.UUIDField(allow_null=True)
    root_run_id = serializers.UUIDField(allow_null=True)
    queue = serializers.CharField()
    priority = serializers.IntegerField()
    actor_kind = serializers.ChoiceField([kind.value for kind in ActorKind])
    actor_id = serializers.UUIDField(allow_null=True)
    actor_label = serializers.CharField()
    created_at = serializers.DateTimeField()
    claimed_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    cancel_requested_at = serializers.DateTimeField(allow_null=True)
    cancel_requested_by = serializers.CharField(allow_blank=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    attempt = serializers.IntegerField()
    agent_id = serializers.UUIDField(allow_null=True)
    worker_mode = serializers.CharField(allow_blank=True)
    failure_code = serializers.CharField(allow_blank=True, help_text="For programs; empty unless it failed.")
    failure_message = serializers.CharField(allow_blank=True, help_text="For people; empty unless it failed.")
    share = serializers.CharField(
        help_text="Whose turn it counts for in the queue: an owner, a team, or who launched it."
    )
    pools = serializers.ListField(child=serializers.CharField(), help_text="Concurrency pools of what it touches.")
    retry_verdict = serializers.ChoiceField(
        ["", *Verdict], help_text="Of a run that failed: due (it will be retried), launched (it was), or no."
    )
    retry_message = serializers.CharField(allow_blank=True, help_text="The same for people, and why.")
    retry_at = serializers.DateTimeField(allow_null=True)
    retry_run_id = serializers.UUIDField(allow_null=True, help_text="The run that retried it.")
    event_count = serializers.IntegerField()
    steps_total = serializers.IntegerField()
    steps_succeeded = serializers.IntegerField()
    steps_failed = serializers.IntegerField()
    cpu_seconds = serializers.FloatField()
    gib_seconds = serializers.FloatField()
    peak_rss_bytes = serializers.IntegerField()
    cost_micros = serializers.IntegerField(help_text="Millionths of the currency.")


class RunDetailSerializer(RunSerializer):
    """A run with its config, the code it runs, and why it waits."""

    version_id = serializers.UUIDField()
    run_config = serializers.JSONField()
    waiting_reason = serializers.CharField(allow_null=True, help_text="Why a queued run has not begun.")
    waiting_for = serializers.ListField(
        child=serializers.UUIDField(),
        default=list,
        help_text="Some of the runs that have what it waits for, where it waits for a limit.",
    )


class LaunchRunSerializer(serializers.Serializer[Any]):
    """A run of a job, or of assets and checks. Without `location`, the one is meant that defines them."""

    location = serializers.CharField(required=False, allow_null=True)
    job = serializers.CharField(
        required=False, allow_null=True, help_text="Without it, dagster's own job of all assets."
    )
    assets = _names(required=False, help_text="Asset keys, parts joined by `/`.")
    checks = _names(required=False, help_text="Checks as `<asset>:<name>`.")
    ops = _names(required=False, help_text="Dagster's op selection, for jobs of ops.")
    partition = serializers.CharField(required=False, allow_null=True, max_length=1000)
    run_config = serializers.DictField(required=False)
    tags = serializers.DictField(required=False, child=serializers.CharField(allow_blank=True, trim_whitespace=False))

    @staticmethod
    def request(validated: dict[str, Any]) -> RunRequest:
        """What the service takes."""
        return RunRequest(**validated)


class RunQuerySerializer(serializers.Serializer[Any]):
    """Which runs are asked for; everything that is given must hold."""

    status = serializers.ListField(child=serializers.ChoiceField(RunStatus.choices), required=False)
    location = serializers.CharField(required=False)
    job = serializers.CharField(required=False)
    asset = serializers.CharField(required=False, help_text="Runs that materialize this asset.")
    partition = serializers.CharField(required=False)
    tag = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="`name=value`, as often as needed."
    )
    launched_by = serializers.CharField(required=False, help_text="The label of a person, token or agent.")
    created_after = serializers.DateTimeField(required=False, validators=[_since_there_are_computers])
    created_before = serializers.DateTimeField(required=False, validators=[_since_there_are_computers])
    id = serializers.CharField(required=False, help_text="The beginning of an id.")
    root_run = serializers.UUIDField(required=False, help_text="This run and all that were made from it.")

    @staticmethod
    def filter(validated: dict[str, Any]) -> RunFilter:
        """What the selector takes."""
        asked = dict(validated)
        return RunFilter(
            statuses=asked.pop("status", ()),
            tags=dict(text.partition("=")[::2] for text in asked.pop("tag", [])),
            id_prefix=asked.pop("id", None),
            root_run_id=asked.pop("root_run", None),
            **asked,
        )


class EventQuerySerializer(serializers.Serializer[Any]):
    """Which events are asked for."""

    after = serializers.IntegerField(
        required=False, min_value=0, max_value=2**62, help_text="Only higher sequence numbers."
    )
    attempt = serializers.IntegerField(required=False, min_value=0, max_value=2**31 - 1)
    level = serializers.IntegerField(required=False, min_value=0, max_value=100, help_text="The lowest level.")
    type = serializers.ListField(child=serializers.CharField(), required=False)
    step = serializers.ListField(child=serializers.CharField(), required=False)
    q = serializers.CharField(required=False, max_length=500, help_text="Text in the message or the error.")

    @staticmethod
    def filter(validated: dict[str, Any]) -> EventFilter:
        """What the selector takes."""
        return EventFilter(
            types=validated.get("type", ()),
            steps=validated.get("step", ()),
            level=validated.get("level"),
            text=validated.get("q", ""),
            attempt=validated.get("attempt"),
        )


class AttemptQuerySerializer(serializers.Serializer[Any]):
    """Which attempt is asked for."""

    attempt = serializers.IntegerField(
        required=False, min_value=0, max_value=2**31 - 1, help_text="The newest unless told."
    )


class ReexecuteRunSerializer(serializers.Serializer[Any]):
    """How much of the run is run again."""

    from_failure = serializers.BooleanField(
        default=False, help_text="Only what did not succeed, and what comes after it."
    )


class StepSerializer(serializers.Serializer[StepView]):
    """One step of one attempt: ready when all it depends on has ended, started when its own code began."""

    attempt = serializers.IntegerField()
    step_key = serializers.CharField(source="key")
    status = serializers.ChoiceField(StepStatus.choices)
    assets = serializers.ListField(child=serializers.CharField())
    depends_on = serializers.ListField(child=serializers.CharField())
    tries = serializers.IntegerField()
    ready_at = serializers.DateTimeField(allow_null=True)
    launched_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    error = serializers.JSONField()
    wall_seconds = serializers.FloatField(allow_null=True)
    cpu_seconds = serializers.FloatField(allow_null=True)
    peak_rss_bytes = serializers.IntegerField(allow_null=True)
    gib_seconds = serializers.FloatField(allow_null=True)
    cost_micros = serializers.IntegerField()


class RunEventSerializer(serializers.Serializer[RunEvent]):
    """One event. `(attempt, seq)` names it for good; sequence numbers have no gaps."""

    attempt = serializers.IntegerField()
    seq = serializers.IntegerField()
    at = serializers.DateTimeField(help_text="By the clock of the process that made it.")
    stored_at = serializers.DateTimeField()
    type = serializers.CharField(help_text="Dagster's event type, or LOG.")
    level = serializers.IntegerField(help_text="10 debug, 20 info, 30 warning, 40 error, 50 critical.")
    step_key = serializers.CharField(allow_null=True)
    message = serializers.CharField(allow_blank=True)
    data = serializers.JSONField()  # type: ignore[assignment]  # the event's own word, also the base's
    error = serializers.JSONField()
