"""The JSON of questions to user code."""

from typing import Any

from rest_framework import serializers


class ValidateConfigSerializer(serializers.Serializer[Any]):
    """A run config, and what of the job it is for."""

    run_config = serializers.DictField(required=False, default=dict)
    assets = serializers.ListField(child=serializers.CharField(), required=False, allow_null=True, default=None)
    ops = serializers.ListField(child=serializers.CharField(), required=False, allow_null=True, default=None)


class ConfigErrorSerializer(serializers.Serializer[Any]):
    """One mistake, and where it is."""

    path = serializers.ListField(child=serializers.CharField())
    reason = serializers.CharField()
    message = serializers.CharField()


class ConfigVerdictSerializer(serializers.Serializer[Any]):
    """What the user's own dagster says about a run config."""

    valid = serializers.BooleanField()
    errors = ConfigErrorSerializer(many=True)  # type: ignore[assignment]  # the verdict's own word, also the base's
