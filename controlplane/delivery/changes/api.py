"""REST: what a branch deployment changes, its results beside the base's, and what materializing the changes costs."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.delivery.changes import materializing
from controlplane.delivery.changes.results import compare_results
from controlplane.delivery.changes.serializers import (
    ChangesQuerySerializer,
    ChangesSerializer,
    EstimateQuerySerializer,
    EstimateSerializer,
    ResultsSerializer,
)
from controlplane.deployments.branch_changes import BranchChanges, changes, changes_at, revision_of
from controlplane.deployments.http import DeploymentAPIView
from controlplane.deployments.visibility import Visible, visible_to
from tenants.http import valid_query
from tenants.permissions import Permission


class _OfChanges(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.ASSET_READ}

    def sides(self) -> tuple[BranchChanges, Visible]:
        """What changed, and the base as the caller may see it."""
        found = changes(self.access, self.deployment)
        return found, visible_to(self.access, found.base)


class ChangesView(_OfChanges):
    @extend_schema(operation_id="get_branch_changes", parameters=[ChangesQuerySerializer], responses=ChangesSerializer)
    def get(self, request: Request) -> Response:
        """What the branch adds, changes and removes, against its base where it left it, and the assets affected downstream."""
        at = _asked(ChangesQuerySerializer, request)["at"]
        if not at:
            return Response(ChangesSerializer(changes(self.access, self.deployment)).data)
        revision = revision_of(self.org_id, self.deployment, at)
        return Response(ChangesSerializer(changes_at(self.access, self.deployment, revision)).data)


class ChangeResultsView(_OfChanges):
    @extend_schema(operation_id="get_branch_results", responses=ResultsSerializer)
    def get(self, request: Request) -> Response:
        """Changed and affected assets that the branch has materialized or checked, beside the base: rows, columns, numbers, checks, times."""
        found, base = self.sides()
        return Response(ResultsSerializer({"assets": compare_results(found, self.visible, base)}).data)


class ChangeEstimateView(_OfChanges):
    @extend_schema(
        operation_id="get_branch_estimate", parameters=[EstimateQuerySerializer], responses=EstimateSerializer
    )
    def get(self, request: Request) -> Response:
        """The runs that would materialize what changed, and what they will cost by what the base paid for the same assets."""
        wanted = _asked(EstimateQuerySerializer, request)
        found, base = self.sides()
        plan = materializing.plan(found, self.visible, base, with_affected=wanted["with_affected"])
        return Response(EstimateSerializer(plan).data)


def _asked(serializer: Any, request: Request) -> dict[str, Any]:
    asked = valid_query(serializer, request)
    validated: dict[str, Any] = asked
    return validated
