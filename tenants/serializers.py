"""The JSON of organizations."""

from typing import Any

from rest_framework import serializers


class OrganizationSerializer(serializers.Serializer[Any]):
    """An organization that the caller may enter."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()
