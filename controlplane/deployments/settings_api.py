"""REST: the settings document of a deployment."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.deployments.change_settings import set_settings
from controlplane.deployments.http import DeploymentAPIView
from controlplane.deployments.settings_document import parse_text
from tenants.http import valid_body
from tenants.permissions import Permission


class SettingsSerializer(serializers.Serializer[Any]):
    """The settings of a full deployment, under Dagster+'s names (docs/deployment-settings.md)."""

    settings = serializers.DictField(help_text="What is set; what is absent is the default.")


class SetSettingsSerializer(serializers.Serializer[Any]):
    """New settings, as a document or as text."""

    settings = serializers.DictField(required=False, help_text="What is to be set; the rest is the default again.")
    text = serializers.CharField(
        required=False,
        trim_whitespace=False,
        allow_blank=True,
        max_length=200_000,
        help_text="The same as YAML, instead: what is wrong is told with its line.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One of the two."""
        if ("settings" in attrs) == ("text" in attrs):
            raise serializers.ValidationError({"settings": "Give either settings or text."})
        return attrs


class DeploymentSettingsView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.DEPLOYMENT_READ,
        "PUT": Permission.DEPLOYMENT_WRITE,
    }

    @extend_schema(operation_id="get_deployment_settings", responses=SettingsSerializer)
    def get(self, request: Request) -> Response:
        """What is set; what is absent is the default."""
        return Response({"settings": self.deployment.settings})

    @extend_schema(operation_id="set_deployment_settings", request=SetSettingsSerializer, responses=SettingsSerializer)
    def put(self, request: Request) -> Response:
        """Replace the whole document. What it leaves out is the default again; a key that has no effect here is refused."""
        self.visible.require_on_all(Permission.DEPLOYMENT_WRITE)
        given = valid_body(SetSettingsSerializer, request)
        stored = set_settings(
            org_id=self.org_id,
            deployment_id=self.deployment.id,
            document=parse_text(given["text"]) if "text" in given else given["settings"],
            actor=self.access.actor,
        )
        return Response({"settings": stored})
