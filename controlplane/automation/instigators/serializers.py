"""The JSON of schedules and sensors."""

from typing import Any

from rest_framework import serializers

from controlplane.automation.instigators.selectors import InstigatorFilter, InstigatorView
from controlplane.automation.models import InstigatorKind
from controlplane.definitions.asset_keys import to_text
from controlplane.definitions.manifest import Schedule, Sensor


class InstigatorSerializer(serializers.Serializer[InstigatorView]):
    """What schedules and sensors have in common."""

    id = serializers.UUIDField(source="row.id")
    name = serializers.CharField(source="row.name")
    location = serializers.CharField(source="row.location_name")
    status = serializers.CharField(help_text="RUNNING or STOPPED.")
    is_defined = serializers.BooleanField(source="row.is_defined", help_text="Whether the code still defines it.")
    default_status = serializers.SerializerMethodField(help_text="RUNNING or STOPPED, as the code says.")
    choice = serializers.CharField(
        source="row.choice", help_text="`running` or `stopped` where people decided; empty where the code does."
    )
    chosen_by = serializers.CharField(source="row.chosen_by")
    chosen_at = serializers.DateTimeField(source="row.chosen_at", allow_null=True)
    runs_until = serializers.DateTimeField(source="row.runs_until", allow_null=True, help_text="Of a timed run.")
    ticks_left = serializers.IntegerField(source="row.ticks_left", allow_null=True, help_text="Of a timed run.")
    running_since = serializers.DateTimeField(source="row.running_since", allow_null=True)
    next_tick_at = serializers.DateTimeField(source="row.next_tick_at", allow_null=True)
    last_tick_at = serializers.DateTimeField(source="last_tick.due_at", allow_null=True, default=None)
    last_tick_status = serializers.CharField(source="last_tick.status", allow_null=True, default=None)
    failures_in_a_row = serializers.IntegerField(source="row.failures_in_a_row")
    note = serializers.CharField(help_text="What somebody should know about it; empty when there is nothing.")
    description = serializers.CharField(source="definition.description", allow_null=True, default=None)
    assets = serializers.SerializerMethodField(help_text="The assets that it targets itself, by key.")

    def get_default_status(self, view: InstigatorView) -> str:
        return "RUNNING" if view.row.is_default_running else "STOPPED"

    def get_assets(self, view: InstigatorView) -> list[str]:
        return [to_text(key) for key in (view.definition.assets or [])] if view.definition else []


class ScheduleSerializer(InstigatorSerializer):
    """One schedule."""

    cron = serializers.ListField(source="row.cron", child=serializers.CharField())
    timezone = serializers.CharField(source="row.timezone", help_text="Empty: UTC.")
    job = serializers.SerializerMethodField(help_text="The job that it launches; null when it targets assets.")
    coming = serializers.ListField(child=serializers.DateTimeField(), help_text="When it is due next, while it runs.")

    def get_job(self, view: InstigatorView) -> str | None:
        return view.definition.job if isinstance(view.definition, Schedule) else None


class SensorSerializer(InstigatorSerializer):
    """One sensor."""

    sensor_type = serializers.CharField(source="row.sensor_type", help_text="As dagster has it: STANDARD, ASSET, …")
    min_interval_seconds = serializers.FloatField(source="row.min_interval_seconds", allow_null=True)
    jobs = serializers.SerializerMethodField(help_text="The jobs that it may launch.")
    cursor = serializers.CharField(
        allow_null=True, help_text="Null also for those who may not see all of the code location."
    )
    is_evaluating = serializers.SerializerMethodField(help_text="Whether a tick of it is open right now.")

    def get_jobs(self, view: InstigatorView) -> list[str]:
        return list(view.definition.jobs) if isinstance(view.definition, Sensor) else []

    def get_is_evaluating(self, view: InstigatorView) -> bool:
        return view.row.open_tick_id is not None


class InstigatorQuerySerializer(serializers.Serializer[Any]):
    """Which schedules or sensors are wanted."""

    location = serializers.CharField(required=False, max_length=200, help_text="Only of this code location.")
    status = serializers.ChoiceField(required=False, choices=["RUNNING", "STOPPED"])
    defined = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="Only those that the code (still) defines, or not."
    )
    deleted = serializers.BooleanField(
        required=False, default=False, help_text="Those whose code location was deleted, in place of the others."
    )
    search = serializers.CharField(required=False, max_length=200, help_text="A part of the name.")

    @staticmethod
    def filter(kind: InstigatorKind, asked: dict[str, Any]) -> InstigatorFilter:
        status = asked.get("status")
        return InstigatorFilter(
            kind=kind,
            location=asked.get("location"),
            running=None if status is None else status == "RUNNING",
            defined=asked.get("defined"),
            deleted=asked["deleted"],
            text=asked.get("search", ""),
        )


class StartSerializer(serializers.Serializer[Any]):
    """For how long; without either, until somebody turns it off."""

    minutes = serializers.IntegerField(required=False, allow_null=True, default=None, help_text="A timed run.")
    ticks = serializers.IntegerField(required=False, allow_null=True, default=None, help_text="A timed run.")


class CursorSerializer(serializers.Serializer[Any]):
    """Where a sensor goes on; null as if it had never run."""

    cursor = serializers.CharField(allow_null=True, allow_blank=True, trim_whitespace=False)


class ChangedSerializer(serializers.Serializer[Any]):
    """What a change of many did."""

    changed = serializers.IntegerField(help_text="How many are on, or off, now as was asked.")
