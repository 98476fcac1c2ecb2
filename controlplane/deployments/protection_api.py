"""REST: freezing a deployment, its protection rules, and going past them. For Admins of the deployment: they decide who does what there."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.deployments import freezing, protecting
from controlplane.deployments.http import DeploymentAPIView
from controlplane.deployments.models import Deployment
from controlplane.deployments.protection import stored
from controlplane.deployments.serializers import DeploymentSerializer
from controlplane.deployments.visibility import Visible
from tenants.http import valid_body
from tenants.permissions import Permission


def shown_rules(deployment: Deployment, visible: Visible) -> dict[str, Any]:
    """The stored rules. SECURITY: a job of a code location that is hidden from the caller is not named."""
    shown: dict[str, Any] = dict(deployment.protection)
    smoke = stored(shown).checks.smoke_job
    if smoke is not None and not visible.part(Permission.LOCATION_READ).has_location(smoke.location):
        shown["checks"] = {name: value for name, value in shown["checks"].items() if name != "smoke_job"}
    return shown


class FreezeSerializer(serializers.Serializer[Any]):
    """Why nothing may change."""

    reason = serializers.CharField(max_length=freezing.REASON_MAX, help_text="Shown to whoever would change something.")


class FreezeView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {
        "POST": Permission.DEPLOYMENT_GRANT,
        "DELETE": Permission.DEPLOYMENT_GRANT,
    }

    @extend_schema(operation_id="freeze_deployment", request=FreezeSerializer, responses=DeploymentSerializer)
    def post(self, request: Request) -> Response:
        """Freeze the deployment: nothing is deployed, launched or changed in it until it is thawed. What runs, runs on."""
        self.visible.require(Permission.DEPLOYMENT_GRANT)
        asked = valid_body(FreezeSerializer, request)
        frozen = freezing.freeze(
            org_id=self.org_id,
            deployment_id=self.deployment.id,
            reason=asked["reason"],
            actor=self.access.actor,
        )
        return Response(DeploymentSerializer(frozen).data)

    @extend_schema(operation_id="thaw_deployment", responses={200: DeploymentSerializer})
    def delete(self, request: Request) -> Response:
        """Thaw the deployment: it changes again."""
        self.visible.require(Permission.DEPLOYMENT_GRANT)
        thawed = freezing.thaw(org_id=self.org_id, deployment_id=self.deployment.id, actor=self.access.actor)
        return Response(DeploymentSerializer(thawed).data)


class StretchSerializer(serializers.Serializer[Any]):
    """A stretch of time without deploys."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    reason = serializers.CharField(allow_blank=True)


class OverrideShownSerializer(serializers.Serializer[Any]):
    """Who goes past the rules now."""

    by = serializers.CharField()
    reason = serializers.CharField()
    until = serializers.DateTimeField()


class ProtectionSerializer(serializers.Serializer[Any]):
    """The rules, and what they say now. docs/deployments.md describes the document."""

    protection = serializers.DictField()
    frozen = StretchSerializer(allow_null=True, help_text="The freeze window that it is in.")
    next_frozen = StretchSerializer(allow_null=True, help_text="The next one.")
    override = OverrideShownSerializer(allow_null=True)

    @classmethod
    def answer(cls, deployment: Deployment, visible: Visible) -> Response:
        """The rules of a deployment."""
        outlook, shown = protecting.outlook(deployment), shown_rules(deployment, visible)
        document = {"protection": shown, "frozen": outlook.frozen, "next_frozen": outlook.next_frozen}
        return Response(cls({**document, "override": outlook.override}).data)


class SetProtectionSerializer(serializers.Serializer[Any]):
    """New rules."""

    protection = serializers.DictField(help_text="All of them; an empty document lifts all.")


class OverrideSerializer(serializers.Serializer[Any]):
    """Why the rules are gone past, and for how long."""

    reason = serializers.CharField(max_length=500, help_text="Kept in the audit log, with each deploy.")
    minutes = serializers.IntegerField(
        default=15, min_value=protecting.OVERRIDE_MINUTES[0], max_value=protecting.OVERRIDE_MINUTES[-1]
    )


class ProtectionView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.DEPLOYMENT_READ,
        "PUT": Permission.DEPLOYMENT_GRANT,
    }

    @extend_schema(operation_id="get_protection", responses=ProtectionSerializer)
    def get(self, request: Request) -> Response:
        """The protection rules, and what they say now."""
        return ProtectionSerializer.answer(self.deployment, self.visible)

    @extend_schema(operation_id="set_protection", request=SetProtectionSerializer, responses=ProtectionSerializer)
    def put(self, request: Request) -> Response:
        """Set who may deploy, when nobody does, and what must have passed."""
        self.visible.require(Permission.DEPLOYMENT_GRANT)
        asked = valid_body(SetProtectionSerializer, request)
        changed = protecting.set_protection(
            org_id=self.org_id,
            deployment_id=self.deployment.id,
            document=asked["protection"],
            actor=self.access.actor,
        )
        return ProtectionSerializer.answer(changed, self.visible)


class OverrideView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.DEPLOYMENT_GRANT}

    @extend_schema(operation_id="override_protection", request=OverrideSerializer, responses=OverrideShownSerializer)
    def post(self, request: Request) -> Response:
        """Go past the protection rules for some minutes: you, and nobody else. The reason is in the audit log."""
        self.visible.require(Permission.DEPLOYMENT_GRANT)
        asked = valid_body(OverrideSerializer, request)
        made = protecting.override(
            org_id=self.org_id, deployment_id=self.deployment.id, actor=self.access.actor, **asked
        )
        return Response(OverrideShownSerializer(made).data)
