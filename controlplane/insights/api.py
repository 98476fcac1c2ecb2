"""REST: what runs used and what it cost."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.deployments.http import DeploymentAPIView
from controlplane.insights import selectors
from controlplane.insights.serializers import CostSerializer, DeploymentCostSerializer, WindowSerializer
from tenants.http import valid_query
from tenants.permissions import Permission

_MOST_ASSETS = 20


class CostAPIView(DeploymentAPIView):
    """Base of what reads cost."""

    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.COST_READ}

    def days(self, request: Request) -> int:
        """The window that is asked for."""
        asked = valid_query(WindowSerializer, request)
        return int(asked["days"])


class DeploymentCostView(CostAPIView):
    @extend_schema(
        operation_id="get_deployment_cost", parameters=[WindowSerializer], responses=DeploymentCostSerializer
    )
    def get(self, request: Request) -> Response:
        """What all runs of the deployment used and cost, by day, and the assets that cost most."""
        days = self.days(request)
        document = {
            **CostSerializer(selectors.deployment_cost(self.visible, days=days)).data,
            "by_day": selectors.daily_cost(self.visible, days=days),
            "costliest_assets": selectors.costliest_assets(self.visible, days=days, most=_MOST_ASSETS),
        }
        return Response(DeploymentCostSerializer(document).data)


class AssetCostView(CostAPIView):
    @extend_schema(operation_id="get_asset_cost", parameters=[WindowSerializer], responses=CostSerializer)
    def get(self, request: Request, key: str) -> Response:
        """What one asset used and cost. A step that makes n assets gives each an n-th of its usage."""
        cost = selectors.asset_cost(self.visible, key, days=self.days(request))
        return Response(CostSerializer(cost).data)
