"""The JSON of reported events. What it means, and its bounds, are in values.py."""

from typing import Any

from rest_framework import serializers

from controlplane.external.reports.services import EVENTS_MAX, StoredReport
from controlplane.external.reports.values import ReportKind


class AssetReportSerializer(serializers.Serializer[Any]):
    """One event about an asset that happened outside of any run."""

    type = serializers.ChoiceField([kind.value for kind in ReportKind])
    asset = serializers.CharField(
        help_text="The asset's key, parts joined by `/`. A key that nobody knew becomes known."
    )
    partition = serializers.CharField(required=False, allow_null=True)
    description = serializers.CharField(required=False, allow_null=True)
    metadata = serializers.DictField(
        required=False,
        allow_null=True,
        help_text="Values by name, as plain JSON, or as `{type, raw_value}` to say what they are (`url`, `md`, `path`, …).",
    )
    tags = serializers.DictField(child=serializers.CharField(), required=False, allow_null=True)
    data_version = serializers.CharField(required=False, allow_null=True)
    check_name = serializers.CharField(required=False, allow_null=True, help_text="Of a check: its name; needed there.")
    passed = serializers.BooleanField(required=False, allow_null=True, help_text="Of a check: needed there.")
    severity = serializers.ChoiceField(["WARN", "ERROR"], required=False, allow_null=True)
    at = serializers.DateTimeField(required=False, allow_null=True, help_text="When it happened; now unless told.")
    id = serializers.CharField(
        required=False, allow_null=True, help_text="Yours: the same event with the same id is stored once, for 7 days."
    )


class ReportEventsSerializer(serializers.Serializer[Any]):
    """What is reported, in its order."""

    events = AssetReportSerializer(many=True, help_text=f"1 to {EVENTS_MAX}; all are stored, or none.")


class StoredReportSerializer(serializers.Serializer[StoredReport]):
    """What became of one event."""

    id = serializers.IntegerField(help_text="The event's id, as in the history of the asset.")
    is_repeated = serializers.BooleanField(help_text="It had been stored before, and has no second effect.")


class StoredReportsSerializer(serializers.Serializer[Any]):
    """The events in the order of the request."""

    events = StoredReportSerializer(many=True)
