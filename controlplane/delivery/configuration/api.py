"""REST: the configuration of a deployment as one YAML document."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.delivery.configuration import applying, document
from controlplane.delivery.configuration.parts import Action, Context
from controlplane.deployments.http import DeploymentAPIView
from tenants.http import valid_body, valid_query
from tenants.permissions import Permission


class ConfigurationSerializer(serializers.Serializer[Any]):
    """docs/config-as-code.md."""

    configuration = serializers.CharField(
        max_length=document.MAX_BYTES, trim_whitespace=False, allow_blank=True, help_text="YAML."
    )


class ApplyConfigurationSerializer(ConfigurationSerializer):
    """A document to apply."""

    file = serializers.CharField(
        required=False, max_length=200, default="configuration", help_text="What messages call the document."
    )


class ApplyQuerySerializer(serializers.Serializer[Any]):
    """How it is applied."""

    dry_run = serializers.BooleanField(default=False, help_text="Only tell what would change.")
    prune = serializers.BooleanField(
        default=False, help_text="Remove pools, choices and code locations that their part of the document leaves out."
    )


class ConfigurationChangeSerializer(serializers.Serializer[Any]):
    """One difference."""

    part = serializers.CharField(help_text="The key of the document.")
    unit = serializers.CharField(allow_blank=True, help_text="What in it; empty where the part is one thing.")
    action = serializers.ChoiceField([(action.value, action.value) for action in Action])
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class ConfigurationPlanSerializer(serializers.Serializer[Any]):
    """What changes, or would."""

    applied = serializers.BooleanField()
    changes = ConfigurationChangeSerializer(many=True)
    warnings = serializers.ListField(
        child=serializers.CharField(), help_text="What is missing and no document can give."
    )


class ConfigurationView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.DEPLOYMENT_READ,
        "PUT": Permission.DEPLOYMENT_WRITE,
    }

    @extend_schema(operation_id="export_configuration", responses=ConfigurationSerializer)
    def get(self, _request: Request) -> Response:
        """The deployment's configuration as YAML: what you may see of it, no value of a variable."""
        return Response({"configuration": document.written(self._context)})

    @extend_schema(
        operation_id="apply_configuration",
        parameters=[
            OpenApiParameter("dry_run", bool, description="Only tell what would change."),
            OpenApiParameter("prune", bool, description="Also remove what its part of the document leaves out."),
        ],
        request=ApplyConfigurationSerializer,
        responses=ConfigurationPlanSerializer,
    )
    def put(self, request: Request) -> Response:
        """Make the deployment as the document says: all of it, or nothing. Each change needs the right of its part."""
        query = valid_query(ApplyQuerySerializer, request)
        asked = valid_body(ApplyConfigurationSerializer, request)
        dry = query["dry_run"]
        found = (applying.plan if dry else applying.apply)(
            self._context,
            asked["configuration"],
            prune=query["prune"],
            path=asked["file"],
        )
        answer = {"applied": not dry, "changes": found.changes, "warnings": found.warnings}
        return Response(ConfigurationPlanSerializer(answer).data)

    @property
    def _context(self) -> Context:
        return Context(self.access, self.deployment, self.visible)
