"""REST: code locations, and their versions."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.deployments import services
from controlplane.deployments.http import DeploymentAPIView
from controlplane.deployments.serializers import (
    CodeLocationSerializer,
    DeployLocationSerializer,
    LocationVersionSerializer,
    RollbackSerializer,
)
from tenants.http import valid_body
from tenants.paging import PAGE_PARAMETERS, page_of_list, page_of_rows, page_request, page_response, page_schema
from tenants.permissions import Permission


class CodeLocationsView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.LOCATION_READ}

    @extend_schema(
        operation_id="list_code_locations", parameters=PAGE_PARAMETERS, responses=page_schema(CodeLocationSerializer)
    )
    def get(self, request: Request) -> Response:
        """The deployment's code locations, by name."""
        found = self.visible.code_locations()
        page = page_of_list(found, page_request(request), key=lambda location: (location.name,))
        return page_response(request, page, CodeLocationSerializer, visible=self.visible)


class CodeLocationView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.LOCATION_READ,
        "PUT": Permission.LOCATION_WRITE,
        "DELETE": Permission.LOCATION_WRITE,
    }

    @extend_schema(operation_id="get_code_location", responses=CodeLocationSerializer)
    def get(self, request: Request, location: str) -> Response:
        """One code location with its desired and current versions."""
        return self._answer(location)

    @extend_schema(
        operation_id="deploy_code_location", request=DeployLocationSerializer, responses=CodeLocationSerializer
    )
    def put(self, request: Request, location: str) -> Response:
        """Deploy: make a new version, which serves once an agent has loaded it. The location may be new."""
        self.visible.require(Permission.LOCATION_WRITE, location=location)
        asked = valid_body(DeployLocationSerializer, request)
        services.deploy_location(
            org_id=self.org_id,
            deployment_id=self.deployment.id,
            name=location,
            actor=self.access.actor,
            code=DeployLocationSerializer.code(asked),
            queue=asked["queue"],
        )
        return self._answer(location)

    @extend_schema(operation_id="delete_code_location", responses={204: None})
    def delete(self, request: Request, location: str) -> Response:
        """Delete a code location. Its runs and the history of its assets stay."""
        self.visible.location(location)
        self.visible.require(Permission.LOCATION_WRITE, location=location)
        services.delete_location(
            org_id=self.org_id, deployment_id=self.deployment.id, name=location, actor=self.access.actor
        )
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _answer(self, location: str) -> Response:
        return Response(CodeLocationSerializer(self.visible.location(location), context={"visible": self.visible}).data)


class ReloadView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.LOCATION_REDEPLOY}

    @extend_schema(operation_id="reload_code_location", request=None, responses=LocationVersionSerializer)
    def post(self, request: Request, location: str) -> Response:
        """Load the desired version again, as a new version; the old one serves until that has worked."""
        self.visible.location(location)
        self.visible.require(Permission.LOCATION_REDEPLOY, location=location)
        version = services.reload_location(
            org_id=self.org_id, deployment_id=self.deployment.id, name=location, actor=self.access.actor
        )
        return Response(LocationVersionSerializer(self.visible.shown(location, version)).data)


class RollbackView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.LOCATION_REDEPLOY}

    @extend_schema(
        operation_id="roll_back_code_location", request=RollbackSerializer, responses=LocationVersionSerializer
    )
    def post(self, request: Request, location: str) -> Response:
        """Deploy the code of an earlier version again, as a new version; what serves now serves until that has loaded."""
        self.visible.location(location)
        self.visible.require(Permission.LOCATION_REDEPLOY, location=location)
        asked = valid_body(RollbackSerializer, request)
        version = services.rollback_location(
            org_id=self.org_id,
            deployment_id=self.deployment.id,
            name=location,
            to_number=asked["to_number"],
            actor=self.access.actor,
        )
        return Response(LocationVersionSerializer(self.visible.shown(location, version)).data)


class VersionsView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.LOCATION_READ}

    @extend_schema(
        operation_id="list_code_location_versions",
        parameters=PAGE_PARAMETERS,
        responses=page_schema(LocationVersionSerializer),
    )
    def get(self, request: Request, location: str) -> Response:
        """Every version that was deployed, the newest first."""
        page = page_of_rows(
            self.visible.versions(self.visible.location(location)), page_request(request), by=["-number"]
        )
        for version in page.results:
            self.visible.shown(location, version)
        return page_response(request, page, LocationVersionSerializer)
