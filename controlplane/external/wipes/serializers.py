"""The JSON of wipes."""

from typing import Any

from rest_framework import serializers

from controlplane.external.models import AssetWipe


class WipedRangeSerializer(serializers.Serializer[Any]):
    """From one partition to another, both included, in the order of the definition."""

    start = serializers.CharField()
    end = serializers.CharField()


class WipeAssetSerializer(serializers.Serializer[Any]):
    """What is to be forgotten: all of an asset, or some of its partitions."""

    asset = serializers.CharField(help_text="The asset's key, parts joined by `/`.")
    partitions = serializers.ListField(
        child=serializers.CharField(), required=False, allow_null=True, allow_empty=False, default=None
    )
    partition_range = WipedRangeSerializer(required=False, allow_null=True, default=None)


class AssetWipeSerializer(serializers.Serializer[AssetWipe]):
    """A wipe and how far it is."""

    id = serializers.UUIDField()
    asset_key = serializers.CharField()
    partition_count = serializers.IntegerField(help_text="0 for all of the asset.")
    partitions_done = serializers.IntegerField()
    events_deleted = serializers.IntegerField()
    asked_by = serializers.CharField(source="actor_label")
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
