"""The JSON of deployments, code locations and their versions."""

from typing import Any

import msgspec
from rest_framework import serializers

from agent.protocol import Target
from controlplane.deployments.models import CodeLocation, Deployment, DeploymentKind, LocationVersion, VersionState


class DeploymentSerializer(serializers.Serializer[Deployment]):
    """A place where code locations live and runs happen."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(DeploymentKind.choices)
    created_at = serializers.DateTimeField()


class CreateDeploymentSerializer(serializers.Serializer[Any]):
    """A new full deployment."""

    name = serializers.CharField(max_length=100, help_text="Lower-case letters, digits and dashes.")


class TargetSerializer(serializers.Serializer[Any]):
    """What to load, as dagster's own CLI would: at most one of the first four; none means the project's pyproject.toml."""

    module_name = serializers.CharField(required=False, allow_null=True)
    package_name = serializers.CharField(required=False, allow_null=True)
    python_file = serializers.CharField(required=False, allow_null=True)
    autoload_defs_module_name = serializers.CharField(required=False, allow_null=True)
    attribute = serializers.CharField(required=False, allow_null=True)
    working_directory = serializers.CharField(required=False, allow_null=True)
    executable_path = serializers.CharField(required=False, allow_null=True)

    @staticmethod
    def target(validated: dict[str, Any]) -> Target:
        """The wire's type."""
        return msgspec.convert(validated, Target)


class LocationVersionSerializer(serializers.Serializer[LocationVersion]):
    """One deploy of a code location, and what came of it."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    state = serializers.ChoiceField(VersionState.choices)
    target = TargetSerializer()
    git_commit = serializers.CharField(allow_blank=True)
    git_url = serializers.CharField(allow_blank=True)
    deployed_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    error = serializers.JSONField(help_text="The user's own exception when it failed to load.")
    load_seconds = serializers.FloatField(allow_null=True)
    loaded_at = serializers.DateTimeField(allow_null=True)
    dagster_version = serializers.CharField(allow_blank=True)
    python_version = serializers.CharField(allow_blank=True)
    worker_mode = serializers.CharField(allow_blank=True)
    worker_mode_reason = serializers.CharField(allow_blank=True)
    counts = serializers.DictField(child=serializers.IntegerField())
    manifest_sha256 = serializers.CharField(allow_blank=True)
    snapshot_sha256 = serializers.CharField(allow_blank=True)


class CodeLocationSerializer(serializers.Serializer[CodeLocation]):
    """A named piece of user code: the version that should be loaded, and the newest that did load and serves."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    queue = serializers.CharField()
    created_at = serializers.DateTimeField()
    desired_version = LocationVersionSerializer(source="desired", allow_null=True)
    current_version = LocationVersionSerializer(source="current", allow_null=True)


class DeployLocationSerializer(serializers.Serializer[Any]):
    """What a code location should be from now on."""

    target = TargetSerializer(required=False, default=dict)
    queue = serializers.CharField(max_length=100, default="default", help_text="Agents of this queue serve it.")
    git_commit = serializers.CharField(max_length=64, default="", allow_blank=True)
    git_url = serializers.CharField(max_length=500, default="", allow_blank=True)
