"""Forms of the audit API."""

from typing import Any

from rest_framework import serializers

from controlplane.audit_log.models import StreamKind


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
    before = serializers.JSONField(help_text="What it was; null when there was nothing, or nothing to tell.")
    after = serializers.JSONField(help_text="What it is now; null as before.")
    hash = serializers.CharField(help_text="SHA-256 over the hash before it and this event's text, hexadecimal.")


class AuditStreamSerializer(serializers.Serializer[Any]):
    """One stream and how it fares; never its secrets."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=StreamKind.choices)
    config = serializers.DictField(help_text="What it was set up with, without secrets.")
    position = serializers.IntegerField(help_text="Number of the last event that it has taken.")
    is_paused = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    last_delivered_at = serializers.DateTimeField(allow_null=True)
    failures = serializers.IntegerField(help_text="Attempts in a row that failed; 0 while it works.")
    failing_since = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField()


class NewStreamSerializer(AuditStreamSerializer):
    """A new one, with the secret that its webhook's signatures are made with, shown once."""

    signing_secret = serializers.CharField(allow_null=True)


class CreateStreamSerializer(serializers.Serializer[Any]):
    """What a new stream needs; `setup` depends on its kind."""

    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(choices=StreamKind.choices)
    setup = serializers.DictField(
        child=serializers.CharField(allow_blank=True, max_length=8000),
        help_text="webhook: url, authorization. s3: bucket, prefix, region, endpoint_url, access_key_id, secret_access_key. "
        "syslog: host, port, transport (tls, tcp or udp).",
    )
    from_beginning = serializers.BooleanField(
        default=True, help_text="From the first event of the log, or from now on."
    )


class ChangeStreamSerializer(serializers.Serializer[Any]):
    """What can be changed."""

    is_paused = serializers.BooleanField()


class StreamTestSerializer(serializers.Serializer[Any]):
    """What came of a test."""

    is_taken = serializers.BooleanField()
    problem = serializers.CharField(help_text="What was wrong; empty when the receiver took it.")
