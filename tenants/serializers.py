"""The JSON of organizations and tokens."""

import datetime
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from tenants.models import ApiToken, TokenKind


class OrganizationSerializer(serializers.Serializer[Any]):
    """An organization that the caller may enter."""

    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()


class TokenSerializer(serializers.Serializer[ApiToken]):
    """A token without its secret."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(TokenKind.choices)
    name = serializers.CharField()
    user = serializers.EmailField(
        source="user.email", default=None, allow_null=True, help_text="Whose it is; none for agents."
    )
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)


class IssuedTokenSerializer(TokenSerializer):
    """A new token. Its text is in this answer only."""

    token = serializers.CharField(
        help_text="The text to send as `Authorization: Bearer …`. Shown once, stored nowhere."
    )


class IssueTokenSerializer(serializers.Serializer[Any]):
    """What a new token should be."""

    kind = serializers.ChoiceField(TokenKind.choices, default=TokenKind.USER)
    name = serializers.CharField(max_length=200)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)

    def validate_expires_at(self, value: datetime.datetime | None) -> datetime.datetime | None:
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError("This moment has passed already.")
        return value
