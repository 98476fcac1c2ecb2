"""The JSON of ticks and of their previews. Who does not see all of a code location gets none of what its code said."""

from typing import Any

import msgspec
from rest_framework import serializers

from controlplane.automation.models import RequestedRun, Tick, TickStatus
from controlplane.automation.ticks.by_hand import Preview
from controlplane.automation.ticks.selectors import TickFilter, TickView


class TickSerializer(serializers.Serializer[Tick]):
    """One tick."""

    id = serializers.UUIDField()
    kind = serializers.CharField(help_text="schedule or sensor.")
    location = serializers.CharField(source="location_name")
    name = serializers.CharField()
    status = serializers.CharField(help_text="WAITING, STARTED, SUCCESS, SKIPPED, FAILURE or MISSED.")
    due_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    attempt = serializers.IntegerField(help_text="How often an agent was asked.")
    requested = serializers.IntegerField(help_text="How many runs it launched.")
    skip_reason = serializers.CharField()
    reason = serializers.CharField(help_text="Why it waits, failed or was missed, where that is not the code's error.")
    asked_by = serializers.CharField(help_text="Who asked for it by hand; empty for the clock's.")


class TickRequestSerializer(serializers.Serializer[RequestedRun]):
    """One run that a tick asked for, and what became of that."""

    state = serializers.CharField(help_text="pending, launched, duplicate, refused or canceled.")
    run_id = serializers.UUIDField(allow_null=True)
    run_key = serializers.CharField(allow_null=True)
    refusal = serializers.CharField()


class TickDetailSerializer(serializers.Serializer[TickView]):
    """One tick with everything about it."""

    def to_representation(self, view: TickView) -> dict[str, Any]:
        tick = view.tick
        more = {
            "cursor_before": tick.cursor_before,
            "cursor_after": tick.cursor_after,
            "error": tick.error,
            "log": tick.log,
            "dynamic_partitions": tick.dynamic_partitions,
            "reactions": tick.reactions,
        }
        requests = [TickRequestSerializer(request).data for request in view.requests]
        return {**TickSerializer(tick).data, **more, "requests": requests, "backfills": list(map(str, view.backfills))}


class TickDocumentSerializer(TickSerializer):
    """What TickDetailSerializer writes, for the schema."""

    cursor_before = serializers.CharField(allow_null=True)
    cursor_after = serializers.CharField(allow_null=True)
    error = serializers.JSONField(help_text="The code's error: message, cls, stack.")
    log = serializers.CharField(help_text="What the tick logged, line by line.")
    dynamic_partitions = serializers.ListField(child=serializers.JSONField(), help_text="What it added and deleted.")
    reactions = serializers.ListField(
        child=serializers.JSONField(), help_text="The runs that a run-status sensor reacted to."
    )
    requests = TickRequestSerializer(many=True)
    backfills = serializers.ListField(child=serializers.UUIDField(), help_text="Those that it started.")


class TickQuerySerializer(serializers.Serializer[Any]):
    """Which ticks are wanted."""

    status = serializers.MultipleChoiceField(required=False, choices=TickStatus.values, help_text="May be repeated.")
    before = serializers.DateTimeField(required=False, help_text="Due before this moment.")
    after = serializers.DateTimeField(required=False, help_text="Due after this moment.")

    @staticmethod
    def filter(asked: dict[str, Any]) -> TickFilter:
        statuses = [TickStatus(status) for status in sorted(asked.get("status") or ())]
        return TickFilter(statuses=statuses, before=asked.get("before"), after=asked.get("after"))


class TestTickSerializer(serializers.Serializer[Any]):
    """What is to be tried."""

    due = serializers.DateTimeField(
        required=False, allow_null=True, default=None, help_text="A schedule's time; now unless told."
    )
    cursor = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        trim_whitespace=False,
        help_text="A sensor's cursor; its own unless told.",
    )


class TickPreviewSerializer(serializers.Serializer[Preview]):
    """What a tick would do."""

    requests = serializers.SerializerMethodField(
        help_text=(
            "The runs that it asks for: run_key, job, tags, run_config, assets, checks, partition; `run_key_used` where its run key was "
            "already used, so that no run would be made. A backfill has tags and `backfill`: assets, each with its partitions."
        )
    )
    skip = serializers.CharField(source="answer.skip", allow_null=True)
    cursor_before = serializers.CharField(allow_null=True)
    cursor = serializers.CharField(source="answer.cursor", allow_null=True)
    dynamic_partitions = serializers.SerializerMethodField(help_text="What it adds and deletes.")
    log = serializers.SerializerMethodField(help_text="What it logged: seconds, level, text.")
    error = serializers.JSONField(help_text="The code's error: message, cls, stack; null when there is none.")
    token = serializers.CharField(help_text="Applies exactly this (`apply/`); empty when it failed.")

    def get_requests(self, preview: Preview) -> list[dict[str, Any]]:
        return [
            {**msgspec.to_builtins(request), "run_key_used": place in preview.used}
            for place, request in enumerate(preview.answer.requests)
        ]

    def get_dynamic_partitions(self, preview: Preview) -> list[dict[str, Any]]:
        return [msgspec.to_builtins(change) for change in preview.answer.dynamic_partitions]

    def get_log(self, preview: Preview) -> list[list[Any]]:
        return [list(line) for line in preview.answer.log]


class ApplySerializer(serializers.Serializer[Any]):
    """The preview that is to be applied."""

    token = serializers.CharField()
