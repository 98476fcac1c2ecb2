"""The JSON of deployments, code locations and their versions."""

from typing import Any

import msgspec
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agent.protocol import Target
from controlplane.deployments.code import Code
from controlplane.deployments.git_facts import GitFacts
from controlplane.deployments.models import CodeLocation, Deployment, DeploymentKind, LocationVersion, VersionState
from controlplane.deployments.visibility import DuplicateAsset, Visible


class DeploymentSerializer(serializers.Serializer[Deployment]):
    """A place where code locations live and runs happen."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(DeploymentKind.choices)
    description = serializers.CharField(allow_blank=True)
    frozen_at = serializers.DateTimeField(allow_null=True, help_text="Since when nothing changes in it.")
    frozen_by = serializers.CharField(allow_blank=True)
    frozen_reason = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


class DescribeDeploymentSerializer(serializers.Serializer[Any]):
    """What of a deployment can be changed here. Its name is its address, and stays."""

    description = serializers.CharField(max_length=500, allow_blank=True)


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


class GitFactsSerializer(serializers.Serializer[Any]):
    """What is known of a commit beside its id."""

    branch = serializers.CharField(required=False, allow_blank=True, max_length=300)
    message = serializers.CharField(required=False, allow_blank=True, max_length=5000)
    timestamp = serializers.FloatField(required=False, allow_null=True, help_text="Unix seconds.")
    author_name = serializers.CharField(required=False, allow_blank=True, max_length=200)
    author_email = serializers.CharField(required=False, allow_blank=True, max_length=254)
    author_avatar_url = serializers.CharField(required=False, allow_blank=True, max_length=500)


class LocationVersionSerializer(serializers.Serializer[LocationVersion]):
    """One deploy of a code location, and what came of it."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    state = serializers.ChoiceField(VersionState.choices)
    target = TargetSerializer()
    git_commit = serializers.CharField(allow_blank=True)
    git_url = serializers.CharField(allow_blank=True)
    git = GitFactsSerializer()
    source_sha256 = serializers.CharField(
        allow_blank=True, help_text="The source archive of its code; `hidden` for those who may not deploy it."
    )
    image = serializers.CharField(allow_blank=True)
    container_context = serializers.DictField()
    promoted_from_id = serializers.UUIDField(
        allow_null=True, help_text="The version of another deployment it was made of."
    )
    rolled_back_to = serializers.IntegerField(allow_null=True, help_text="The number of the version it brought back.")
    deployed_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    error = serializers.JSONField(help_text="The user's own exception when it failed to load.")
    load_seconds = serializers.FloatField(allow_null=True)
    loaded_at = serializers.DateTimeField(allow_null=True)
    phases = serializers.DictField(
        child=serializers.FloatField(), help_text="Seconds by phase: queued, pulled, built, started, loaded."
    )
    dagster_version = serializers.CharField(allow_blank=True)
    python_version = serializers.CharField(allow_blank=True)
    worker_mode = serializers.CharField(allow_blank=True)
    worker_mode_reason = serializers.CharField(allow_blank=True)
    counts = serializers.DictField(child=serializers.IntegerField())
    manifest_sha256 = serializers.CharField(allow_blank=True)
    snapshot_sha256 = serializers.CharField(allow_blank=True)


class DuplicateAssetSerializer(serializers.Serializer[DuplicateAsset]):
    """An asset that several code locations can materialize."""

    asset = serializers.CharField()
    location = serializers.CharField(help_text="The one that is shown and automated: the first that was added.")
    also_defined_in = serializers.ListField(child=serializers.CharField(), help_text="The others.")


class CodeLocationSerializer(serializers.Serializer[CodeLocation]):
    """A named piece of user code: the version that should be loaded, and the newest that did load and serves. `visible` is needed
    in the context.
    """

    id = serializers.UUIDField()
    name = serializers.CharField()
    queue = serializers.CharField()
    created_at = serializers.DateTimeField()
    desired_version = LocationVersionSerializer(source="desired", allow_null=True)
    current_version = LocationVersionSerializer(source="current", allow_null=True)
    duplicate_assets = serializers.SerializerMethodField()

    @extend_schema_field(DuplicateAssetSerializer(many=True))
    def get_duplicate_assets(self, row: CodeLocation) -> Any:
        """Assets that this location and others can materialize, as far as the caller may read them."""
        visible: Visible = self.context["visible"]
        return [DuplicateAssetSerializer(one).data for one in visible.duplicates(row.name)]


class RollbackSerializer(serializers.Serializer[Any]):
    """Where to go back to."""

    to_number = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, help_text="The number of a version that has loaded."
    )


class DeployLocationSerializer(serializers.Serializer[Any]):
    """What a code location should be from now on."""

    target = TargetSerializer(required=False, default=dict)
    queue = serializers.CharField(max_length=100, default="default", help_text="Agents of this queue serve it.")
    git_commit = serializers.CharField(max_length=64, default="", allow_blank=True)
    git_url = serializers.CharField(max_length=500, default="", allow_blank=True)
    git = GitFactsSerializer(required=False, default=dict)
    source_sha256 = serializers.CharField(
        max_length=64, default="", allow_blank=True, help_text="An uploaded source archive that holds the code."
    )
    image = serializers.CharField(
        max_length=500, default="", allow_blank=True, help_text="An image that holds the code."
    )
    container_context = serializers.DictField(
        required=False, default=dict, help_text="By platform, as in dagster_cloud.yaml: k8s, docker, ecs."
    )

    @staticmethod
    def code(validated: dict[str, Any]) -> Code:
        """What to deploy."""
        target = TargetSerializer.target(validated["target"])
        git = msgspec.convert(validated["git"], GitFacts)
        names = ("source_sha256", "image", "container_context", "git_commit", "git_url")
        return Code(target=target, git=git, **{name: validated[name] for name in names})
