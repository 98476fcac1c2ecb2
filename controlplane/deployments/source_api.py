"""REST: source archives, and deploying what is in them.

SECURITY: archives hold customers' code. Whoever may deploy somewhere may upload; nobody can read an archive here. It is used by naming
its sha256, which only those know who have its bytes or may deploy a location that is made of it (Visible.shown).
"""

from typing import IO, Any, ClassVar

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.deployments import source_archives
from controlplane.deployments.deploying import LocationDeploy, deploy_locations
from controlplane.deployments.http import DeploymentAPIView
from controlplane.deployments.serializers import LocationVersionSerializer
from controlplane.deployments.source_serializers import (
    ArchivesMissingSerializer,
    ArchivesSerializer,
    DeploySerializer,
    NamedDeploySerializer,
)
from tenants.http import OrgAPIView, valid_body
from tenants.permissions import Permission


class ArchiveAPIView(OrgAPIView):
    """For whoever may deploy something somewhere in the organization."""

    # The object store is asked outside of any transaction.
    in_one_scope = False

    def enter(self, kwargs: dict[str, Any]) -> None:
        self.access = self.access.anywhere()


class MissingArchivesView(ArchiveAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.LOCATION_WRITE}

    @extend_schema(
        operation_id="find_missing_source_archives", request=ArchivesSerializer, responses=ArchivesMissingSerializer
    )
    def post(self, request: Request) -> Response:
        """Which of these source archives have to be uploaded before they can be deployed."""
        asked = valid_body(ArchivesSerializer, request)
        missing = source_archives.missing(self.access.org.id, asked["sha256s"])
        return Response({"missing": missing})


class ArchiveParser(BaseParser):
    """A body as it is, and no more of it than is allowed."""

    media_type = "*/*"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        return stream.read(settings.MAX_SOURCE_BYTES + 1)


class SourceArchiveView(ArchiveAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"PUT": Permission.LOCATION_WRITE}
    parser_classes = (ArchiveParser,)

    @extend_schema(
        operation_id="upload_source_archive",
        request={"application/gzip": OpenApiTypes.BINARY},
        responses={204: None},
    )
    def put(self, request: Request, sha256: str) -> Response:
        """Upload a source archive: the body is a gzipped tar, and the address names the sha256 of it."""
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.MAX_SOURCE_BYTES:
            raise source_archives.too_large()
        # A request without a body is not parsed at all.
        content = request.data if isinstance(request.data, bytes) else b""
        source_archives.store_archive(org_id=self.access.org.id, sha256=sha256, content=content)
        return Response(status=status.HTTP_204_NO_CONTENT)


class DeployView(DeploymentAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.LOCATION_WRITE}

    @extend_schema(
        operation_id="deploy_code_locations",
        request=DeploySerializer,
        responses=LocationVersionSerializer(many=True),
    )
    def post(self, request: Request) -> Response:
        """Deploy several code locations from one commit, all or nothing. With `sync`, delete those that are not named."""
        asked = valid_body(DeploySerializer, request)
        deploys = [_deploy(one) for one in asked["locations"]]
        for deploy in deploys:
            self.visible.require(Permission.LOCATION_WRITE, location=deploy.name)
        if asked["sync"]:
            # SECURITY: it deletes what the caller may not know of, too.
            self.visible.require_on_all(Permission.LOCATION_WRITE)
        versions = deploy_locations(
            org_id=self.org_id,
            deployment_id=self.deployment.id,
            deploys=deploys,
            actor=self.access.actor,
            sync=asked["sync"],
            sha=asked["sha"],
        )
        shown = [self.visible.shown(deploy.name, version) for deploy, version in zip(deploys, versions, strict=True)]
        return Response([LocationVersionSerializer(version).data for version in shown])


def _deploy(validated: dict[str, Any]) -> LocationDeploy:
    code = NamedDeploySerializer.code(validated)
    return LocationDeploy(name=validated["name"], code=code, queue=validated["queue"])
