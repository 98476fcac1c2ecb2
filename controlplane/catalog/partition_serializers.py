"""The JSON of partitions."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from controlplane.catalog.asset_status import AssetStatus
from controlplane.catalog.partition_cells import Axis, Cells
from controlplane.catalog.partition_selectors import PartitionRange, PartitionView
from controlplane.catalog.serializers import StaleCauseSerializer
from controlplane.catalog.staleness import Sync

_STATUSES = [(status.value, status.label) for status in AssetStatus]


class PartitionSerializer(serializers.Serializer[PartitionView]):
    """One partition of an asset."""

    key = serializers.CharField()
    status = serializers.ChoiceField(_STATUSES)
    sync = serializers.ChoiceField(
        source="staleness.status", choices=[(one.value, one.label) for one in Sync], default=None, allow_null=True
    )
    stale_causes = StaleCauseSerializer(source="staleness.causes", many=True, default=list)
    materialized_at = serializers.DateTimeField(source="state.materialized_at", default=None, allow_null=True)
    materialization_run_id = serializers.UUIDField(source="state.materialization_run_id", default=None, allow_null=True)
    failed_run_id = serializers.UUIDField(source="state.failed_run_id", default=None, allow_null=True)


class PartitionRangeSerializer(serializers.Serializer[PartitionRange]):
    """Neighbours in the definition's order that have one status, both ends included."""

    first = serializers.CharField()
    last = serializers.CharField()
    status = serializers.ChoiceField(_STATUSES)
    count = serializers.IntegerField()


@extend_schema_field(
    PolymorphicProxySerializer(
        component_name="PartitionOrRange",
        serializers=[PartitionSerializer, PartitionRangeSerializer],
        resource_type_field_name=None,
        many=True,
    )
)
class PartitionsOrRangesField(serializers.ListField):
    """Either the one or the other, as the request says."""


class PartitionPageSerializer(serializers.Serializer[Any]):
    """A page of partitions, or of ranges."""

    results = PartitionsOrRangesField()
    next = serializers.URLField(allow_null=True, help_text="Address of the next page, or null at the end.")


class AxisSerializer(serializers.Serializer[Axis]):
    """One side of the heat map. Positions count the keys of the dimension from 0; both ends are included."""

    name = serializers.CharField(help_text="The dimension; empty where there is but one.")
    count = serializers.IntegerField(help_text="All keys of the dimension.")
    first = serializers.IntegerField()
    last = serializers.IntegerField()
    per_cell = serializers.IntegerField(help_text="Keys in a cell; the last one may have fewer.")
    labels = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField(), min_length=2, max_length=2),
        help_text="The first and the last key of each cell.",
    )

    def to_representation(self, instance: Axis) -> dict[str, Any]:
        return asdict(instance)


class CellsSerializer(serializers.Serializer[Cells]):
    """A heat map of partitions."""

    columns = AxisSerializer()
    rows = AxisSerializer(allow_null=True, help_text="Null for one dimension: then there is one row.")
    statuses = serializers.ListField(child=serializers.CharField(), help_text="The order of the numbers of a cell.")
    cells = serializers.ListField(
        child=serializers.ListField(child=serializers.ListField(child=serializers.IntegerField())),
        help_text="Row by row, cell by cell: how many partitions have each status.",
    )
    failed_runs = serializers.DictField(
        child=serializers.CharField(), help_text="By `row:column`, the run in which its first failed partition failed."
    )
    is_complete = serializers.BooleanField(help_text="False where only user code knows all keys.")
    counts = serializers.SerializerMethodField(help_text="Of the whole asset, by status.")

    def get_counts(self, found: Cells) -> dict[str, int]:
        return {status.value: number for status, number in found.counts.items()}

    def to_representation(self, instance: Cells) -> dict[str, Any]:
        """Written by hand: a field for each of thousands of numbers takes longer than counting them."""
        axis = AxisSerializer()
        return {
            "columns": axis.to_representation(instance.columns),
            "rows": axis.to_representation(instance.rows) if instance.rows else None,
            "statuses": instance.statuses,
            "cells": instance.cells,
            "failed_runs": instance.failed_runs,
            "is_complete": instance.is_complete,
            "counts": self.get_counts(instance),
        }
