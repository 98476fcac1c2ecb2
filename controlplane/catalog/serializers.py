"""The JSON of assets, what happened to them, and their checks."""

from typing import Any

from rest_framework import serializers

from controlplane.catalog.asset_health import HealthStatus
from controlplane.catalog.asset_status import AssetStatus
from controlplane.catalog.check_view import CheckView
from controlplane.catalog.models import AssetEvent, AssetEventKind, CheckEvaluation
from controlplane.catalog.selectors import AssetView
from controlplane.catalog.staleness import Category, StaleCause, Sync
from controlplane.catalog.unjudged_inputs import UnjudgedInput


class AssetSerializer(serializers.Serializer[AssetView]):
    """An asset as it stands. What comes from definitions is null when no code location defines it."""

    key = serializers.CharField()
    location = serializers.CharField(source="node.location", default=None, allow_null=True)
    also_defined_in = serializers.ListField(
        child=serializers.CharField(),
        help_text="Code locations that can materialize it too; `location` is the one that is shown and automated.",
    )
    origin = serializers.ChoiceField(
        [("defined", "Defined by code"), ("gone", "Defined once"), ("reported", "Known by events alone")],
    )
    group = serializers.CharField(source="node.asset.group", default=None, allow_null=True)
    kinds = serializers.ListField(source="node.asset.kinds", child=serializers.CharField(), default=list)
    owners = serializers.ListField(source="node.asset.owners", child=serializers.CharField(), default=list)
    tags = serializers.DictField(source="node.asset.tags", child=serializers.CharField(), default=dict)
    description = serializers.CharField(source="node.asset.description", default=None, allow_null=True)
    code_version = serializers.CharField(source="node.asset.code_version", default=None, allow_null=True)
    execution_type = serializers.CharField(source="node.asset.execution_type", default=None, allow_null=True)
    is_executable = serializers.BooleanField(source="node.asset.is_executable", default=False)
    is_partitioned = serializers.SerializerMethodField()
    status = serializers.ChoiceField([(status.value, status.label) for status in AssetStatus])
    health = serializers.ChoiceField(source="health.status", choices=[(one.value, one.label) for one in HealthStatus])
    sync = serializers.ChoiceField(
        source="staleness.status",
        choices=[(one.value, one.label) for one in Sync],
        default=None,
        allow_null=True,
        help_text="Whether it is in sync with its code and its inputs; null where its partitions are, each for itself. NOT_JUDGED: no "
        "cause is known, and by some input nobody can say; `not_judged_by` of the asset names them.",
    )
    checks_failed = serializers.IntegerField()
    materialized_at = serializers.DateTimeField(source="state.materialized_at", default=None, allow_null=True)
    materialization_run_id = serializers.UUIDField(source="state.materialization_run_id", default=None, allow_null=True)
    materialization_partition = serializers.CharField(
        source="state.materialization_partition", default=None, allow_null=True
    )
    observed_at = serializers.DateTimeField(source="state.observed_at", default=None, allow_null=True)
    failed_at = serializers.DateTimeField(source="state.failed_at", default=None, allow_null=True)
    failed_run_id = serializers.UUIDField(source="state.failed_run_id", default=None, allow_null=True)

    def get_is_partitioned(self, view: AssetView) -> bool:
        return view.node is not None and view.node.asset.partitions is not None

    def to_representation(self, instance: AssetView) -> dict[str, Any]:
        document = super().to_representation(instance)
        if instance.node is not None and document["group"] is None:
            document["group"] = instance.node.group
        return document


class CheckEvaluationSerializer(serializers.Serializer[CheckEvaluation]):
    """One evaluation of one asset check."""

    id = serializers.IntegerField()
    asset_key = serializers.CharField()
    check_name = serializers.CharField()
    partition_key = serializers.CharField(allow_null=True)
    run_id = serializers.UUIDField(allow_null=True)
    step_key = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField()
    passed = serializers.BooleanField()
    severity = serializers.CharField()
    blocking = serializers.BooleanField()
    description = serializers.CharField(allow_blank=True)
    metadata = serializers.JSONField()
    target_run_id = serializers.UUIDField(allow_null=True)


class CheckSerializer(serializers.Serializer[CheckView]):
    """An asset check with the outcome of its latest evaluation."""

    name = serializers.CharField()
    description = serializers.CharField(source="definition.description", default=None, allow_null=True)
    blocking = serializers.BooleanField(source="definition.blocking", default=False)
    is_defined = serializers.SerializerMethodField(help_text="False when the code no longer has it.")
    status = serializers.ChoiceField(["passed", "warn", "failed", "missing"])
    evaluated_at = serializers.DateTimeField(source="state.at", default=None, allow_null=True)
    evaluation_id = serializers.IntegerField(source="state.evaluation_id", default=None, allow_null=True)
    run_id = serializers.UUIDField(source="state.run_id", default=None, allow_null=True)

    def get_is_defined(self, view: CheckView) -> bool:
        return view.definition is not None


class AssetCheckSerializer(CheckSerializer):
    """An asset check in a list over several assets."""

    asset_key = serializers.CharField()


class StaleCauseSerializer(serializers.Serializer[StaleCause]):
    """Why an asset is out of sync."""

    category = serializers.ChoiceField([(one.value, one.value.capitalize()) for one in Category])
    reason = serializers.CharField()
    upstream = serializers.CharField(allow_null=True)
    partition = serializers.CharField(allow_null=True, help_text="Of the upstream.")


class UnjudgedInputSerializer(serializers.Serializer[UnjudgedInput]):
    """An input by which nobody can say whether the asset, or a partition of it, is out of sync."""

    upstream = serializers.CharField()
    reason = serializers.CharField(help_text="Goes on from the name of the input.")
    remedy = serializers.CharField(help_text="What to do about it.")


class AssetDetailSerializer(AssetSerializer):
    """An asset with its neighbours, its checks, and its latest materialization."""

    stale_causes = StaleCauseSerializer(source="staleness.causes", many=True, default=list)
    not_judged_by = UnjudgedInputSerializer(many=True, help_text="Of its partitions too.")
    upstream = serializers.ListField(child=serializers.CharField())
    downstream = serializers.ListField(child=serializers.CharField())
    jobs = serializers.ListField(source="node.asset.jobs", child=serializers.CharField(), default=list)
    op_names = serializers.ListField(source="node.asset.op_names", child=serializers.CharField(), default=list)
    pools = serializers.ListField(source="node.asset.pools", child=serializers.CharField(), default=list)
    resources = serializers.ListField(source="node.asset.resources", child=serializers.CharField(), default=list)
    io_manager_key = serializers.CharField(source="node.asset.io_manager_key", default=None, allow_null=True)
    definition_metadata = serializers.JSONField(source="node.asset.metadata", default=dict)
    partitions = serializers.JSONField(help_text="The partitions definition.")
    automation_condition = serializers.CharField(allow_null=True)
    checks = CheckSerializer(many=True)
    materialization_metadata = serializers.JSONField(source="state.materialization_metadata", default=dict)
    materialization_tags = serializers.JSONField(source="state.materialization_tags", default=dict)


class AssetEventSerializer(serializers.Serializer[AssetEvent]):
    """One materialization or observation. Ids rise through the whole installation."""

    id = serializers.IntegerField()
    kind = serializers.ChoiceField(AssetEventKind.choices)
    asset_key = serializers.CharField()
    partition_key = serializers.CharField(allow_null=True)
    run_id = serializers.UUIDField(allow_null=True)
    step_key = serializers.CharField(allow_null=True)
    at = serializers.DateTimeField(help_text="By the clock of the process that made it.")
    recorded_at = serializers.DateTimeField()
    description = serializers.CharField(allow_blank=True)
    metadata = serializers.JSONField()
    tags = serializers.JSONField()


class GraphNodeSerializer(serializers.Serializer[Any]):
    """One asset of the graph, and where it stands in the drawing."""

    key = serializers.CharField()
    location = serializers.CharField()
    group = serializers.CharField()
    kinds = serializers.ListField(child=serializers.CharField())
    is_executable = serializers.BooleanField()
    is_partitioned = serializers.BooleanField()
    checks = serializers.IntegerField()
    x = serializers.FloatField(help_text="The layer, from left to right.")
    y = serializers.FloatField(help_text="The row, from top to bottom.")


class AssetGraphSerializer(serializers.Serializer[Any]):
    """The assets of all code locations as one graph, with a layout."""

    nodes = GraphNodeSerializer(many=True)
    edges = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2),
        help_text="[upstream, downstream] as positions in `nodes`.",
    )
    layers = serializers.IntegerField()
    rows = serializers.FloatField()
