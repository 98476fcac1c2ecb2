"""JSON of what a branch changes, of its results beside the base's, and of what materializing it will cost."""

from typing import Any

from rest_framework import serializers

from controlplane.definitions.differences import Change, Kind, Reason
from controlplane.delivery.changes.materializing import Estimate, Plan, PlannedRun
from controlplane.delivery.changes.results import AssetResults
from controlplane.deployments.branch_changes import BranchChanges

_CHECK_STATES = ["passed", "warn", "failed"]


class DetailSerializer(serializers.Serializer[Any]):
    """One field that differs."""

    reason = serializers.ChoiceField([one.value for one in Reason])
    what = serializers.CharField(source="field", help_text="Which field of the definition.")
    before = serializers.JSONField(allow_null=True, help_text="Null where there is none, or where it is not told.")
    after = serializers.JSONField(allow_null=True)


class DifferenceSerializer(serializers.Serializer[Any]):
    """A definition that only one side has, or that is not the same on both."""

    kind = serializers.ChoiceField([one.value for one in Kind])
    change = serializers.ChoiceField([one.value for one in Change])
    location = serializers.CharField()
    name = serializers.CharField(help_text="The key of an asset (a/b) or a check (a/b:name), a name otherwise.")
    reasons = serializers.ListField(child=serializers.ChoiceField([one.value for one in Reason]))
    moves_data = serializers.BooleanField(
        help_text="Whether data may be other than before, not only what is said of it."
    )
    details = DetailSerializer(many=True)


class AffectedSerializer(serializers.Serializer[Any]):
    """An asset downstream of one whose data changes."""

    key = serializers.CharField()
    location = serializers.CharField()


class ChangesSerializer(serializers.Serializer[BranchChanges]):
    """What a branch changes, as far as you may know of it."""

    base = serializers.CharField(source="base.name")
    merge_base_sha = serializers.CharField(source="branch.merge_base_sha")
    note = serializers.CharField(help_text="How exact the base is; empty when it is what the merge base defined.")
    counts = serializers.DictField(
        source="comparison.counts", child=serializers.DictField(child=serializers.IntegerField())
    )
    differences = DifferenceSerializer(source="comparison.differences", many=True)
    affected = AffectedSerializer(source="comparison.affected", many=True)
    not_loaded = serializers.ListField(
        child=serializers.CharField(), help_text="Code locations of the branch that have not loaded: not compared yet."
    )
    inherited = serializers.ListField(
        child=serializers.CharField(), help_text="Code locations of the base that the branch does not have."
    )


class NumberPairSerializer(serializers.Serializer[Any]):
    """A number on both sides."""

    name = serializers.CharField(source="label")
    base = serializers.FloatField(allow_null=True)
    branch = serializers.FloatField(allow_null=True)
    change = serializers.FloatField(allow_null=True, help_text="Relative to the base: 0.1 is ten percent more.")


class ColumnChangeSerializer(serializers.Serializer[Any]):
    """A column that is not the same on both sides, by its type; null where it is not there."""

    name = serializers.CharField()
    base = serializers.CharField(allow_null=True)
    branch = serializers.CharField(allow_null=True)


class CheckPairSerializer(serializers.Serializer[Any]):
    """What a check said last on each side; null where it never ran."""

    name = serializers.CharField()
    base = serializers.ChoiceField(_CHECK_STATES, allow_null=True)
    branch = serializers.ChoiceField(_CHECK_STATES, allow_null=True)


class SideSerializer(serializers.Serializer[Any]):
    """A materialization."""

    at = serializers.DateTimeField(allow_null=True)
    run_id = serializers.UUIDField(allow_null=True)
    partition = serializers.CharField(allow_null=True)


class AssetResultsSerializer(serializers.Serializer[AssetResults]):
    """One asset on both sides."""

    key = serializers.CharField()
    change = serializers.CharField(help_text="added, changed or affected")
    base = SideSerializer()
    branch = SideSerializer()
    same_partition = serializers.BooleanField(
        help_text="False: the base does not have the branch's partition, and its latest stands in."
    )
    numbers = NumberPairSerializer(many=True)
    columns = ColumnChangeSerializer(many=True)
    checks = CheckPairSerializer(many=True)
    seconds = NumberPairSerializer(help_text="What the steps took, this asset's share.")


class ResultsSerializer(serializers.Serializer[Any]):
    """Changed and affected assets that the branch has results of."""

    assets = AssetResultsSerializer(many=True)


class PlannedRunSerializer(serializers.Serializer[PlannedRun]):
    """One run."""

    location = serializers.CharField()
    assets = serializers.ListField(child=serializers.CharField())
    partition = serializers.CharField(allow_null=True, help_text="The latest one; null without partitions.")
    after = serializers.ListField(
        child=serializers.IntegerField(), help_text="Positions of runs that make what this one reads."
    )


class LeftSerializer(serializers.Serializer[Any]):
    """A changed asset that is not materialized."""

    key = serializers.CharField()
    why = serializers.CharField()


class CostEstimateSerializer(serializers.Serializer[Estimate]):
    """What it will cost: the mean of what the base paid for the same assets."""

    days = serializers.IntegerField(help_text="The window of days that was looked at.")
    currency = serializers.CharField()
    cost_micros = serializers.IntegerField(help_text="Millionths of the currency.")
    seconds = serializers.FloatField(help_text="Time of steps.")
    runs = serializers.IntegerField(help_text="Runs of these assets that it is the mean of.")
    unknown = serializers.ListField(
        child=serializers.CharField(), help_text="Assets that never ran in the base in these days: not in the sum."
    )


class EstimateSerializer(serializers.Serializer[Plan]):
    """What "materialize what changed" would launch, and its cost."""

    runs = PlannedRunSerializer(many=True)
    left = LeftSerializer(many=True)
    estimate = CostEstimateSerializer()


class EstimateQuerySerializer(serializers.Serializer[Any]):
    """What to include."""

    with_affected = serializers.BooleanField(default=False, help_text="Affected assets too.")


class ChangesQuerySerializer(serializers.Serializer[Any]):
    """Which state of the branch."""

    at = serializers.CharField(
        default="",
        max_length=64,
        help_text="A commit that was deployed to the branch, or its beginning; now without it.",
    )
