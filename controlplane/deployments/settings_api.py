"""REST: the settings document of a deployment."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.deployments.change_settings import set_settings
from controlplane.deployments.http import DeploymentAPIView
from tenants.permissions import Permission


class SettingsSerializer(serializers.Serializer[Any]):
    """The settings of a full deployment, under Dagster+'s names (docs/deployment-settings.md)."""

    settings = serializers.DictField(help_text="What is set; what is absent is the default.")


class DeploymentSettingsView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.DEPLOYMENT_READ,
        "PUT": Permission.DEPLOYMENT_WRITE,
    }

    @extend_schema(operation_id="get_deployment_settings", responses=SettingsSerializer)
    def get(self, request: Request) -> Response:
        """What is set; what is absent is the default."""
        return Response({"settings": self.deployment.settings})

    @extend_schema(operation_id="set_deployment_settings", request=SettingsSerializer, responses=SettingsSerializer)
    def put(self, request: Request) -> Response:
        """Replace the whole document. What it leaves out is the default again; a key that has no effect here is refused."""
        self.visible.require_on_all(Permission.DEPLOYMENT_WRITE)
        asked = SettingsSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        stored = set_settings(
            org_id=self.org_id,
            deployment_id=self.deployment.id,
            document=asked.validated_data["settings"],
            actor=self.access.actor,
        )
        return Response({"settings": stored})
