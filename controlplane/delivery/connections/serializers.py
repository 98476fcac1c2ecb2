"""The JSON of connections to Git hosts, repositories and webhooks."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from controlplane.delivery.connections import services as connections
from controlplane.delivery.models import BranchMode, CommentMode, GitConnection, Provider, Repository, WebhookDelivery
from tenants.access import Access

_DAY_OF_SECONDS = 86_400


class GitConnectionSerializer(serializers.Serializer[GitConnection]):
    """A connection, and how it fares; never its secrets."""

    id = serializers.UUIDField()
    provider = serializers.ChoiceField(Provider.choices)
    name = serializers.CharField()
    api_url = serializers.CharField(help_text="The address of the host's API.")
    app_id = serializers.CharField(help_text="Of a GitHub App; empty for GitLab.")
    installation_id = serializers.CharField(help_text="Of a GitHub App; empty for GitLab.")
    webhook_url = serializers.SerializerMethodField(help_text="Where the host sends its webhooks.")
    has_credential = serializers.SerializerMethodField(help_text="Whether a private key, or access token, is stored.")
    missing = serializers.SerializerMethodField(help_text="What it still needs before it can work, in words.")
    error = serializers.CharField(help_text="Why the host refuses us; empty while it does not.")
    gone_at = serializers.DateTimeField(allow_null=True, help_text="Since when the app is uninstalled.")
    checked_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()

    def get_webhook_url(self, connection: GitConnection) -> str:
        return webhook_url(connection)

    def get_has_credential(self, connection: GitConnection) -> bool:
        return bool(connection.sealed_credential)

    def get_missing(self, connection: GitConnection) -> list[str]:
        return connections.missing_values(connection)


class NewGitConnectionSerializer(GitConnectionSerializer):
    """A connection with the secret for the host's settings, shown once."""

    webhook_secret = serializers.CharField()


def _text(length: int, **fields: Any) -> serializers.CharField:
    return serializers.CharField(max_length=length, allow_blank=True, required=False, **fields)


class ChangeGitConnectionSerializer(serializers.Serializer[Any]):
    """What can be changed; what is left out stays as it is."""

    name = _text(100)
    api_url = _text(
        300, help_text="https://github.com, https://gitlab.com, or your own server. Needs the credential again."
    )
    app_id = _text(50)
    installation_id = _text(50)
    credential = _text(
        20_000, write_only=True, help_text="The private key of the GitHub App (PEM), or the GitLab access token."
    )
    webhook_secret = _text(200, write_only=True, help_text="One of your own, such as GitLab's signing token.")

    def values(self) -> connections.ConnectionValues:
        """What was asked for."""
        given = {name: value for name, value in self.validated_data.items() if name != "provider"}
        return connections.ConnectionValues(**given)


class CreateGitConnectionSerializer(ChangeGitConnectionSerializer):
    """A connection to make; the credential may follow."""

    provider = serializers.ChoiceField(Provider.choices)


class ConnectionTestSerializer(serializers.Serializer[Any]):
    """What came of a test."""

    is_working = serializers.BooleanField()
    credential_of = serializers.CharField(help_text="Whose credential it is; empty when the host did not say.")
    problem = serializers.CharField(help_text="What was wrong; empty when it works.")


class SyncedSerializer(serializers.Serializer[Any]):
    """What a look at the host found."""

    count = serializers.IntegerField(help_text="How many repositories the connection reaches.")
    added = serializers.IntegerField()
    gone = serializers.IntegerField(help_text="How many it reaches no longer.")


class RepositorySerializer(serializers.Serializer[Any]):
    """A repository, and what happens for its pull requests."""

    id = serializers.UUIDField()
    connection_id = serializers.UUIDField()
    external_id = serializers.CharField(help_text="The host's own id, which stays when the repository is renamed.")
    full_name = serializers.CharField()
    default_branch = serializers.CharField()
    web_url = serializers.CharField()
    gone_at = serializers.DateTimeField(allow_null=True, help_text="Since when the host has no such repository for us.")
    base = serializers.SerializerMethodField(
        help_text="The full deployment that branch deployments belong to; null for none, or one you may not know of."
    )
    mode = serializers.ChoiceField(BranchMode.choices)
    label = serializers.CharField()  # type: ignore[assignment]  # a field of ours; Field.label is a text
    exclude_labels = serializers.ListField(child=serializers.CharField())
    comment_mode = serializers.ChoiceField(CommentMode.choices)
    sleep_after_seconds = serializers.IntegerField(allow_null=True)
    expire_after_seconds = serializers.IntegerField(allow_null=True)
    deploys_default_branch = serializers.BooleanField()
    reconciled_at = serializers.DateTimeField(allow_null=True, help_text="When it was last compared with the host.")
    error = serializers.CharField(help_text="Why that failed; empty when it did not.")
    deployed_sha = serializers.CharField(help_text="The commit of the default branch that was deployed last.")

    def get_base(self, repository: Repository) -> str | None:
        return base_shown(self.context["access"], repository)


class ChangeRepositorySerializer(serializers.Serializer[Any]):
    """What can be set; what is left out stays as it is."""

    base = serializers.CharField(
        max_length=63, allow_null=True, allow_blank=True, required=False, help_text="A full deployment by name."
    )
    mode = serializers.ChoiceField(BranchMode.choices, required=False)
    label = _text(  # type: ignore[assignment]  # as above
        100, help_text="For the mode label: which label asks for a branch deployment."
    )
    exclude_labels = serializers.ListField(
        child=serializers.CharField(max_length=100), max_length=20, required=False, help_text="Labels that forbid one."
    )
    comment_mode = serializers.ChoiceField(CommentMode.choices, required=False)
    sleep_after_seconds = serializers.IntegerField(
        allow_null=True, min_value=60, max_value=366 * _DAY_OF_SECONDS - 1, required=False, help_text="Null for never."
    )
    expire_after_seconds = serializers.IntegerField(
        allow_null=True, min_value=60, max_value=366 * _DAY_OF_SECONDS - 1, required=False, help_text="Null for never."
    )
    deploys_default_branch = serializers.BooleanField(required=False)


class WebhookDeliverySerializer(serializers.Serializer[WebhookDelivery]):
    """A webhook that was verified."""

    delivery_id = serializers.CharField()
    event = serializers.CharField()
    kind = serializers.CharField(
        source="news.kind", help_text="What it is about; `nothing` when it is none of our business."
    )
    action = serializers.CharField(source="news.action")
    number = serializers.IntegerField(source="news.number", allow_null=True)
    received_at = serializers.DateTimeField()
    handled_at = serializers.DateTimeField(allow_null=True, help_text="Null while it waits.")


def webhook_url(connection: GitConnection) -> str:
    """Where the host sends its webhooks."""
    return f"{settings.PUBLIC_URL}/webhooks/git/{connection.id}"


def base_shown(access: Access, repository: Repository) -> str | None:
    """SECURITY: the name of a deployment is shown to those who may enter it."""
    base = repository.base
    return base.name if base is not None and access.may_enter(base.place) else None
