"""The JSON of tokens and service accounts."""

import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from tenants.models import ApiToken, ServiceAccount, TokenKind
from tenants.permissions import Permission
from tenants.reach_names import reach_with_names

_SCOPES = [str(permission) for permission in Permission]


class ReachSerializer(serializers.Serializer[Any]):
    """How far an agent token reaches. Fields of deployments add up; none of them is all full deployments and no branch.

    Queues and code locations that are absent or null limit nothing.
    """

    deployments = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        max_length=200,
        help_text="Names of deployments, branch deployments too.",
    )
    branches_of = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        max_length=200,
        help_text="Names of full deployments whose branch deployments are reached.",
    )
    all_branches = serializers.BooleanField(required=False, help_text="All branch deployments.")
    all_deployments = serializers.BooleanField(required=False, help_text="All full deployments.")
    forks = serializers.BooleanField(
        required=False, help_text="Of the branch deployments reached, also those of forks, whose code strangers wrote."
    )
    queues = serializers.ListField(
        child=serializers.CharField(max_length=100), required=False, allow_null=True, max_length=200
    )
    code_locations = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, allow_null=True, max_length=200
    )
    bootstrap_only = serializers.BooleanField(
        required=False,
        help_text="Whether the token is good for registering alone; the rest takes the agent's credential.",
    )


class TokenSerializer(serializers.Serializer[ApiToken]):
    """A token without its secret."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(TokenKind.choices)
    name = serializers.CharField()
    user = serializers.EmailField(
        source="user.email", default=None, allow_null=True, help_text="Whose it is; none for agents."
    )
    service_account = serializers.CharField(source="service_account.name", default=None, allow_null=True)
    scopes = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="What it is cut down to; null for all its holder may."
    )
    reach = serializers.SerializerMethodField(
        help_text="How far an agent token reaches; null for all full deployments and no branch."
    )
    allowed_networks = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField(allow_blank=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    last_used_from = serializers.CharField(allow_blank=True, help_text="The network address of its last use.")
    replaces = serializers.UUIDField(
        source="replaces_id", allow_null=True, help_text="The token that it was made to replace."
    )

    @extend_schema_field(ReachSerializer(allow_null=True))
    def get_reach(self, token: ApiToken) -> dict[str, Any] | None:
        return reach_with_names(token.org_id, token.reach)


class IssuedTokenSerializer(TokenSerializer):
    """A new token. Its text is in this answer only."""

    token = serializers.CharField(
        help_text="The text to send as `Authorization: Bearer …`. Shown once, stored nowhere."
    )


def _in_future(value: datetime.datetime) -> None:
    if value <= timezone.now():
        raise serializers.ValidationError("This moment has passed already.")


class ChangeTokenSerializer(serializers.Serializer[Any]):
    """What to change of a token; what is absent stays."""

    name = serializers.CharField(max_length=200, required=False)
    scopes = serializers.ListField(
        child=serializers.CharField(max_length=60), required=False, allow_null=True, max_length=len(_SCOPES)
    )
    reach = ReachSerializer(required=False, allow_null=True)
    allowed_networks = serializers.ListField(child=serializers.CharField(max_length=60), required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, validators=[_in_future])


class NewTokenSerializer(ChangeTokenSerializer):
    """What a new token should be."""

    name = serializers.CharField(max_length=200)


class IssueTokenSerializer(NewTokenSerializer):
    """What a new token should be, and whose."""

    kind = serializers.ChoiceField(TokenKind.choices, default=TokenKind.USER)
    service_account = serializers.UUIDField(
        required=False, allow_null=True, help_text="The service account's id, for a token of the kind `service`."
    )


class RotateTokenSerializer(serializers.Serializer[Any]):
    """How long the old and the new token live. Without words the old one lives until it is revoked."""

    expires_at = serializers.DateTimeField(required=False, allow_null=True, validators=[_in_future])
    old_expires_at = serializers.DateTimeField(required=False, allow_null=True, validators=[_in_future])


class ServiceAccountSerializer(serializers.Serializer[ServiceAccount]):
    """An identity for programs."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    is_active = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField(allow_blank=True)


class NewServiceAccountSerializer(serializers.Serializer[Any]):
    """What a new service account should be."""

    name = serializers.CharField(max_length=100)
    description = serializers.CharField(max_length=500, allow_blank=True, required=False, default="")


class ChangeServiceAccountSerializer(serializers.Serializer[Any]):
    """What to change of a service account; what is absent stays."""

    name = serializers.CharField(max_length=100, required=False)
    description = serializers.CharField(max_length=500, allow_blank=True, required=False)
    is_active = serializers.BooleanField(required=False)
