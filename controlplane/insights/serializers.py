"""The JSON of usage and cost."""

from typing import Any

from rest_framework import serializers


class DayCostSerializer(serializers.Serializer[Any]):
    """The cost of one day (UTC)."""

    day = serializers.DateField(source="name")
    cost_micros = serializers.IntegerField()


class AssetCostSerializer(serializers.Serializer[Any]):
    """The cost of one asset."""

    asset_key = serializers.CharField(source="name")
    cost_micros = serializers.IntegerField()


class CostSerializer(serializers.Serializer[Any]):
    """Usage of a window of days that ends now, and what it cost by the price book. Micros are millionths of the currency."""

    days = serializers.IntegerField()
    currency = serializers.CharField()
    runs = serializers.IntegerField()
    cost_micros = serializers.IntegerField()
    per_run_micros = serializers.IntegerField(allow_null=True)
    cpu_seconds = serializers.FloatField()
    gib_seconds = serializers.FloatField()


class DeploymentCostSerializer(CostSerializer):
    """Usage of a whole deployment."""

    by_day = DayCostSerializer(many=True, help_text="Oldest first; days without usage are absent.")
    costliest_assets = AssetCostSerializer(many=True)


class WindowSerializer(serializers.Serializer[Any]):
    """Which window is asked for."""

    days = serializers.IntegerField(min_value=1, max_value=366, default=30)
