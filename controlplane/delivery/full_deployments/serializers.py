"""The JSON of what is done with whole deployments."""

from typing import Any

from rest_framework import serializers

from controlplane.delivery.full_deployments.copying import Copied, Part
from controlplane.deployments.models import DeploymentDeletion, DeploymentKind
from controlplane.deployments.serializers import DeploymentSerializer


class CopySerializer(serializers.Serializer[Any]):
    """Which deployment to copy, and what of it."""

    deployment = serializers.CharField(max_length=100, help_text="The name of a full deployment.")
    parts = serializers.ListField(
        child=serializers.ChoiceField([(part.value, part.value) for part in Part]),
        default=[part.value for part in Part],
        help_text="All of them unless named.",
    )


class CreateDeploymentSerializer(serializers.Serializer[Any]):
    """A new full deployment, perhaps like another one."""

    name = serializers.CharField(max_length=100, help_text="Lower-case letters, digits and dashes.")
    description = serializers.CharField(max_length=500, default="", allow_blank=True)
    copy = CopySerializer(required=False, allow_null=True, default=None)


class CreatedDeploymentSerializer(DeploymentSerializer):
    """The new deployment, and what was copied into it."""

    copied = serializers.DictField(child=serializers.IntegerField(), help_text="How many of each part were copied.")
    left_out = serializers.ListField(child=serializers.CharField(), help_text="What was not copied, and why.")

    @staticmethod
    def document(made: Copied) -> dict[str, Any]:
        """The JSON of it."""
        counts = {part.value: count for part, count in made.counts.items()}
        facts = DeploymentSerializer(made.deployment).data
        return {**facts, "copied": counts, "left_out": made.left_out}


class DeleteDeploymentSerializer(serializers.Serializer[Any]):
    """A deletion, confirmed by the name."""

    name = serializers.CharField(help_text="The deployment's name, exactly.")
    cancel_runs = serializers.BooleanField(default=False, help_text="Cancel what is under way, instead of refusing.")


class DeploymentDeletionSerializer(serializers.Serializer[DeploymentDeletion]):
    """A deployment that is gone, of which history is left."""

    deployment_id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(DeploymentKind.choices)
    asked_by = serializers.CharField()
    asked_at = serializers.DateTimeField()
    runs_total = serializers.IntegerField()
    runs_left = serializers.IntegerField()
    note = serializers.CharField(allow_blank=True, help_text="What it waits for.")
