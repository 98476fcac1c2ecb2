"""REST: automation conditions of a deployment, and what came of them."""

from typing import ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.automation.conditions import selectors, services
from controlplane.automation.conditions.serializers import AssetEvaluationSerializer, AutomationSerializer
from controlplane.catalog.api import ASSET, asset_parameter
from controlplane.deployments.http import DeploymentAPIView
from tenants.paging import PAGE_PARAMETERS, page_of_rows, page_request, page_response, page_schema
from tenants.permissions import Permission


class AutomationView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.ASSET_READ}

    @extend_schema(operation_id="get_automation", responses=AutomationSerializer)
    def get(self, request: Request) -> Response:
        """Whether conditions are evaluated here, and when they were last."""
        return Response(AutomationSerializer(selectors.evaluator(self.visible)).data)


class PauseView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.SENSOR_WRITE, "DELETE": Permission.SENSOR_WRITE}

    @extend_schema(operation_id="pause_automation", request=None, responses=AutomationSerializer)
    def post(self, request: Request) -> Response:
        """Evaluate no condition of the deployment until automation is resumed. Runs that were requested are launched still."""
        self.visible.require_on_all(Permission.SENSOR_WRITE)
        paused = services.pause(org_id=self.org_id, deployment_id=self.deployment.id, actor=self.access.actor)
        return Response(AutomationSerializer(paused).data)

    @extend_schema(operation_id="resume_automation", responses={200: AutomationSerializer})
    def delete(self, request: Request) -> Response:
        """Evaluate conditions again, with all that has happened meanwhile."""
        self.visible.require_on_all(Permission.SENSOR_WRITE)
        resumed = services.resume(org_id=self.org_id, deployment_id=self.deployment.id, actor=self.access.actor)
        return Response(AutomationSerializer(resumed).data)


class AssetEvaluationsView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.ASSET_READ}

    @extend_schema(
        operation_id="list_asset_evaluations",
        parameters=[
            ASSET,
            OpenApiParameter("check", str, description="The name of a check of it: its condition is meant then."),
            *PAGE_PARAMETERS,
        ],
        responses=page_schema(AssetEvaluationSerializer),
    )
    def get(self, request: Request) -> Response:
        """What came of the condition of an asset, where something was requested or anything in it was new; the newest first."""
        rows = selectors.evaluations(self.visible, asset_parameter(request), check=request.query_params.get("check"))
        page = page_of_rows(rows, page_request(request), by=["-id"])
        selectors.complete(self.visible, page.results)
        return page_response(request, page, AssetEvaluationSerializer)
