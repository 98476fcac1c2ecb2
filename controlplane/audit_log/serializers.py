"""Forms of the audit API."""

from typing import Any

from rest_framework import serializers


class AuditEventSerializer(serializers.Serializer[Any]):
    """One event, as documents.document writes it."""

    number = serializers.IntegerField(help_text="Its place in the organization's chain, from 1, without gaps.")
    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    actor_kind = serializers.CharField(help_text="user, token, service, agent or system.")
    actor_id = serializers.UUIDField(allow_null=True)
    actor = serializers.CharField(help_text="The actor's name as it was then.")
    address = serializers.CharField(help_text="Network address the request came from; empty when there was none.")
    action = serializers.CharField(help_text="What was done, such as run.launch.")
    target_kind = serializers.CharField()
    target_id = serializers.CharField()
    target = serializers.CharField(help_text="The name of what it was done to, as it was then.")
    deployment = serializers.CharField(allow_null=True, help_text="Its name, or its id when it is gone.")
    result = serializers.CharField(help_text="success, refused or failure.")
    reason = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)
    hash = serializers.CharField(help_text="SHA-256 over the hash before it and this event's text, hexadecimal.")
