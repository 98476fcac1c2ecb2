"""REST: full deployments as a whole: made, copied, described, deleted."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.delivery.full_deployments.copying import Copied, Part, copy_deployment
from controlplane.delivery.full_deployments.deletion import delete_deployment, deletions
from controlplane.delivery.full_deployments.serializers import (
    CreatedDeploymentSerializer,
    CreateDeploymentSerializer,
    DeleteDeploymentSerializer,
    DeploymentDeletionSerializer,
)
from controlplane.deployments import selectors, services
from controlplane.deployments.http import DeploymentAPIView
from controlplane.deployments.models import DeploymentKind
from controlplane.deployments.serializers import DeploymentSerializer, DescribeDeploymentSerializer
from tenants.access import Access
from tenants.http import OrgAPIView, valid_body
from tenants.paging import PAGE_PARAMETERS, page_of_list, page_request, page_response, page_schema
from tenants.permissions import Permission


class DeploymentsView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.ORGANIZATION_READ,
        "POST": Permission.FULL_DEPLOYMENT_WRITE,
    }

    @extend_schema(
        operation_id="list_deployments", parameters=PAGE_PARAMETERS, responses=page_schema(DeploymentSerializer)
    )
    def get(self, request: Request) -> Response:
        """The deployments that you may enter, by name."""
        found = selectors.deployments_for(self.access)
        page = page_of_list(found, page_request(request), key=lambda deployment: (deployment.name,))
        return page_response(request, page, DeploymentSerializer)

    @extend_schema(
        operation_id="create_deployment",
        request=CreateDeploymentSerializer,
        responses={201: CreatedDeploymentSerializer},
    )
    def post(self, request: Request) -> Response:
        """Create a full deployment, perhaps with what another one has."""
        asked = valid_body(CreateDeploymentSerializer, request)
        made = created(self.access, asked)
        return Response(CreatedDeploymentSerializer.document(made), status=status.HTTP_201_CREATED)


def created(access: Access, given: dict[str, Any]) -> Copied:
    """Make a deployment as CreateDeploymentSerializer describes it."""
    copy = given["copy"]
    if copy is None:
        made = services.create_deployment(
            org_id=access.org.id, name=given["name"], description=given["description"], actor=access.actor
        )
        return Copied(made)
    return copy_deployment(
        access=access,
        source=selectors.deployment(access.org.id, copy["deployment"]),
        name=given["name"],
        description=given["description"],
        parts={Part(part) for part in copy["parts"]},
    )


class DeploymentView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.DEPLOYMENT_READ,
        "PATCH": Permission.DEPLOYMENT_WRITE,
        "DELETE": Permission.DEPLOYMENT_WRITE,
    }

    @extend_schema(operation_id="get_deployment", responses=DeploymentSerializer)
    def get(self, request: Request) -> Response:
        """One deployment."""
        return Response(DeploymentSerializer(self.deployment).data)

    @extend_schema(
        operation_id="describe_deployment", request=DescribeDeploymentSerializer, responses=DeploymentSerializer
    )
    def patch(self, request: Request) -> Response:
        """Say what the deployment is for."""
        self.visible.require(Permission.DEPLOYMENT_WRITE)
        asked = valid_body(DescribeDeploymentSerializer, request)
        described = services.describe_deployment(
            org_id=self.org_id,
            deployment_id=self.deployment.id,
            description=asked["description"],
            actor=self.access.actor,
        )
        return Response(DeploymentSerializer(described).data)

    @extend_schema(operation_id="delete_deployment", request=DeleteDeploymentSerializer, responses={202: None})
    def delete(self, request: Request) -> Response:
        """Delete the deployment with everything in it; its history goes in the background. For a full one this needs
        `full_deployment:write`, for a branch deployment `branch_deployment:write`.
        """
        full = self.deployment.kind == DeploymentKind.FULL
        self.access.require(Permission.FULL_DEPLOYMENT_WRITE if full else Permission.BRANCH_DEPLOYMENT_WRITE)
        asked = valid_body(DeleteDeploymentSerializer, request)
        delete_deployment(
            org_id=self.org_id,
            deployment_id=self.deployment.id,
            typed_name=asked["name"],
            cancel_runs=asked["cancel_runs"],
            actor=self.access.actor,
        )
        return Response(status=status.HTTP_202_ACCEPTED)


class DeploymentDeletionsView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.FULL_DEPLOYMENT_WRITE}

    @extend_schema(
        operation_id="list_deployment_deletions",
        parameters=PAGE_PARAMETERS,
        responses=page_schema(DeploymentDeletionSerializer),
    )
    def get(self, request: Request) -> Response:
        """Deployments that were deleted and of which history is left, by name."""
        page = page_of_list(
            sorted(deletions(self.access.org.id), key=lambda row: (row.name, str(row.deployment_id))),
            page_request(request),
            key=lambda row: (row.name, str(row.deployment_id)),
        )
        return page_response(request, page, DeploymentDeletionSerializer)
