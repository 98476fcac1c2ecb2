"""REST forms of automation conditions."""

from typing import Any

from rest_framework import serializers

from controlplane.automation.models import AssetEvaluation, ConditionEvaluator


class AutomationSerializer(serializers.ModelSerializer[ConditionEvaluator]):
    """Automation conditions of one deployment."""

    is_running = serializers.BooleanField(
        source="definitions", help_text="Whether a sensor with conditions runs, as of the last evaluation."
    )
    error = serializers.DictField(
        allow_null=True,
        help_text=(
            "`{evaluation?: why nothing could be evaluated, locations?: {name: why}}`: code locations whose definitions cannot be read."
        ),
    )

    class Meta:
        model = ConditionEvaluator
        fields = ("is_paused", "paused_by", "paused_at", "is_running", "number", "evaluated_at", "next_due_at", "error")

    def to_representation(self, instance: ConditionEvaluator) -> dict[str, Any]:
        """An installation that never evaluated the deployment says so with nulls."""
        shown: dict[str, Any] = super().to_representation(instance)
        return {**shown, "is_running": bool(instance.definitions)}


class RequestedRunSerializer(serializers.Serializer[Any]):
    """A run that an evaluation asked for."""

    run_id = serializers.UUIDField(allow_null=True)
    state = serializers.CharField()
    partition = serializers.CharField(source="body.partition", allow_null=True, default=None)
    refusal = serializers.CharField(allow_blank=True, help_text="Why it was not launched.")


class AssetEvaluationSerializer(serializers.ModelSerializer[AssetEvaluation]):
    """What came of one condition at one time."""

    evaluation_id = serializers.IntegerField(source="number", help_text="As in the tag dagster/asset_evaluation_id.")
    tree = serializers.DictField(
        allow_null=True,
        help_text=(
            "The condition with what each part said: `{class, name, description, label, entity, status: TRUE | FALSE | SKIPPED, "
            "true, candidates, children}`; `true` and `candidates` count partitions, null being all."
        ),
    )
    partitions = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="The first 100 requested partitions; null for an asset without partitions.",
    )
    error = serializers.DictField(allow_null=True, help_text="Why the condition could not be evaluated.")
    backfill_id = serializers.UUIDField(
        allow_null=True, help_text="The backfill that makes the requested partitions; null where runs of their own do."
    )
    runs = RequestedRunSerializer(many=True)

    class Meta:
        model = AssetEvaluation
        fields = ("id", "evaluation_id", "at", "requested", "partitions", "tree", "error", "backfill_id", "runs")
