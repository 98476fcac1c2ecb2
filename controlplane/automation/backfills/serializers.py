"""The JSON of backfills, and of what is asked about them."""

from typing import Any

from rest_framework import serializers

from controlplane.automation.backfills.choice import TEXT_MAX, Choice, Only, parse, words_of
from controlplane.automation.backfills.requesting import DESCRIPTION_MAX, PRIORITY_MAX, TITLE_MAX, BackfillRequest
from controlplane.automation.backfills.selectors import BackfillFilter
from controlplane.automation.models import Backfill, BackfillKind, BackfillPartition, BackfillStatus, PartitionProgress
from tenants.access import ActorKind


class BackfillSerializer(serializers.Serializer[Backfill]):
    """A backfill. `counts` has the partitions by state, as of the last look."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(BackfillStatus.choices)
    is_paused = serializers.BooleanField()
    kind = serializers.ChoiceField(BackfillKind.choices)
    title = serializers.CharField(allow_blank=True)
    description = serializers.CharField(allow_blank=True)
    location_name = serializers.CharField(allow_blank=True, help_text="Of a job's backfill.")
    job_name = serializers.CharField(allow_blank=True)
    assets = serializers.ListField(child=serializers.CharField())
    partitions = serializers.SerializerMethodField(help_text="Which partitions were asked for, in words.")
    tags = serializers.DictField(child=serializers.CharField())
    priority = serializers.IntegerField()
    parent_id = serializers.UUIDField(allow_null=True, help_text="The backfill that this one retries.")
    actor_kind = serializers.ChoiceField([kind.value for kind in ActorKind])
    actor_label = serializers.CharField()
    paused_by = serializers.CharField(allow_blank=True)
    cancel_requested_by = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    planned_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    waiting = serializers.CharField(allow_blank=True, help_text="Why nothing is launched now.")
    error = serializers.SerializerMethodField(help_text="Why it could not be planned; it is tried again.")
    counts = serializers.DictField(child=serializers.IntegerField())

    def get_partitions(self, backfill: Backfill) -> str:
        return words_of(backfill.selection)

    def get_error(self, backfill: Backfill) -> str:
        return str(backfill.error.get("message", "")) if backfill.error else ""


class AssetProgressSerializer(serializers.Serializer[Any]):
    """How many partitions of an asset (of the job: '') are in each state."""

    asset_key = serializers.CharField(allow_blank=True)
    counts = serializers.DictField(child=serializers.IntegerField())


class BackfillDetailSerializer(BackfillSerializer):
    """A backfill with its run config, and where it is with each asset."""

    run_config = serializers.JSONField()
    progress = AssetProgressSerializer(many=True)


class BackfillPartitionSerializer(serializers.Serializer[BackfillPartition]):
    """One partition of one asset. The run made it, or failed to; `note` says why it did."""

    asset_key = serializers.CharField(allow_blank=True)
    partition_key = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(PartitionProgress.choices)
    run_id = serializers.UUIDField(allow_null=True)
    note = serializers.CharField(allow_blank=True)


class LaunchBackfillSerializer(serializers.Serializer[Any]):
    """Assets, or a job; and which of their partitions. Without `partitions` and `latest`: all."""

    assets = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Keys, parts joined by `/`."
    )
    location = serializers.CharField(required=False, allow_blank=True)
    job = serializers.CharField(required=False, allow_blank=True)
    partitions = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=TEXT_MAX,
        help_text="Keys and ranges, such as `2026-01-01...2026-02-01, 2026-03-01`.",
    )
    keys = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Keys as they are, where they hold commas."
    )
    latest = serializers.BooleanField(required=False, help_text="The latest partition of each.")
    only = serializers.ChoiceField([only.value for only in Only], required=False, allow_null=True)
    title = serializers.CharField(required=False, allow_blank=True, max_length=TITLE_MAX)
    description = serializers.CharField(required=False, allow_blank=True, max_length=DESCRIPTION_MAX)
    tags = serializers.DictField(required=False, child=serializers.CharField(allow_blank=True, trim_whitespace=False))
    run_config = serializers.DictField(required=False)
    priority = serializers.IntegerField(required=False, min_value=-PRIORITY_MAX, max_value=PRIORITY_MAX)

    @staticmethod
    def request(validated: dict[str, Any]) -> BackfillRequest:
        """What the service takes."""
        asked = dict(validated)
        only = asked.pop("only", None)
        typed = parse(asked.pop("partitions", ""))
        choice = Choice(
            keys=[*typed.keys, *asked.pop("keys", [])],
            ranges=typed.ranges,
            latest=asked.pop("latest", False),
            only=Only(only) if only else None,
        )
        return BackfillRequest(choice=choice, **asked)


class PreviewSerializer(serializers.Serializer[Any]):
    """What a backfill would make: partitions by asset, and about how many runs that takes."""

    partitions = serializers.IntegerField()
    runs = serializers.IntegerField(help_text="About how many.")
    by_asset = serializers.DictField(child=serializers.IntegerField())
    mapped = serializers.ListField(
        child=serializers.CharField(), help_text="Assets whose partitions follow by mapping, when it is planned."
    )
    warnings = serializers.ListField(child=serializers.CharField())


class ChangeBackfillSerializer(serializers.Serializer[Any]):
    """What can be changed of a backfill; what is left out stays."""

    title = serializers.CharField(required=False, allow_blank=True, max_length=TITLE_MAX)
    description = serializers.CharField(required=False, allow_blank=True, max_length=DESCRIPTION_MAX)
    priority = serializers.IntegerField(required=False, min_value=-PRIORITY_MAX, max_value=PRIORITY_MAX)


class BackfillQuerySerializer(serializers.Serializer[Any]):
    """Which backfills are asked for; everything that is given must hold."""

    status = serializers.ListField(child=serializers.ChoiceField(BackfillStatus.choices), required=False)
    asset = serializers.CharField(required=False)
    job = serializers.CharField(required=False)
    launched_by = serializers.CharField(required=False)

    @staticmethod
    def filter(validated: dict[str, Any]) -> BackfillFilter:
        """What the selector takes."""
        asked = dict(validated)
        return BackfillFilter(status=tuple(asked.pop("status", ())), **asked)


class BackfillPartitionQuerySerializer(serializers.Serializer[Any]):
    """Which partitions of a backfill are asked for."""

    asset = serializers.CharField(required=False, allow_blank=True)
    state = serializers.ChoiceField(PartitionProgress.choices, required=False)
