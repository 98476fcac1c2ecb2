"""The JSON of health and freshness."""

from typing import Any

from rest_framework import serializers

from controlplane.catalog.asset_health import Cause, Health, HealthStatus
from controlplane.catalog.freshness import Freshness
from controlplane.catalog.models import FreshnessChange, HealthAcknowledgement

_HEALTH = [(one.value, one.label) for one in HealthStatus]
_FRESHNESS = [(one.value, one.label) for one in Freshness]


class CauseSerializer(serializers.Serializer[Cause]):
    """Why an asset is not healthy."""

    part = serializers.ChoiceField(["materialization", "freshness", "checks"])
    status = serializers.ChoiceField(_HEALTH)
    text = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True, help_text="Since when, where that is known.")
    run_id = serializers.UUIDField(allow_null=True)


class AcknowledgementSerializer(serializers.Serializer[HealthAcknowledgement]):
    """Who knows, and why."""

    by = serializers.CharField()
    reason = serializers.CharField()
    at = serializers.DateTimeField()


class AssetFreshnessSerializer(serializers.Serializer[Any]):
    """How fresh an asset is."""

    state = serializers.ChoiceField(_FRESHNESS)
    policy = serializers.CharField(help_text="In words; empty without a policy.", allow_blank=True)
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True, help_text="When it changes, unless an event comes.")


class HealthSerializer(serializers.Serializer[Health]):
    """The health of one asset: the worst of three parts."""

    status = serializers.ChoiceField(_HEALTH)
    materialization = serializers.ChoiceField(_HEALTH)
    freshness = AssetFreshnessSerializer()
    checks = serializers.ChoiceField(_HEALTH)
    causes = CauseSerializer(many=True)
    at = serializers.DateTimeField(allow_null=True, help_text="The newest event that this rests on.")
    acknowledged = AcknowledgementSerializer(allow_null=True)


class OneAssetSerializer(serializers.Serializer[Any]):
    """Which asset."""

    asset = serializers.CharField(help_text="The asset's key, parts joined by `/`.")


class AcknowledgeSerializer(OneAssetSerializer):
    """What is acknowledged, and why."""

    reason = serializers.CharField(max_length=500)


class FreshnessChangeSerializer(serializers.Serializer[FreshnessChange]):
    """An asset became fresh, or ceased to be."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField(source="recorded_at")
    previous = serializers.CharField(allow_blank=True, help_text="Empty: there was none.")
    state = serializers.ChoiceField(_FRESHNESS)
