"""REST: one organization, its settings, its logo, and its deletion."""

from typing import IO, Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import organizations
from tenants.access import Org
from tenants.errors import NotFoundError
from tenants.http import OrgAPIView, valid_body
from tenants.models import OrganizationState
from tenants.organization_serializers import (
    ChangeOrganizationSerializer,
    DeleteOrganizationSerializer,
    OrganizationDetailSerializer,
)
from tenants.permissions import Permission


class OrganizationView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.ORGANIZATION_READ,
        "PATCH": Permission.ORGANIZATION_WRITE,
        "DELETE": Permission.ORGANIZATION_WRITE,
    }
    even_closed = True
    # A read-only one can be made active; every other change asks for the state by itself.
    in_any_state = True

    @extend_schema(operation_id="get_organization", responses=OrganizationDetailSerializer)
    def get(self, request: Request) -> Response:
        """One organization."""
        return Response(OrganizationDetailSerializer(self.access.org).data)

    @extend_schema(
        operation_id="change_organization", request=ChangeOrganizationSerializer, responses=OrganizationDetailSerializer
    )
    def patch(self, request: Request) -> Response:
        """Change settings. A new slug takes effect at once: the old address answers 404."""
        asked = valid_body(ChangeOrganizationSerializer, request)
        self._change(asked)
        return self._answer()

    def _change(self, asked: dict[str, Any]) -> None:
        org_id, actor = self.access.org.id, self.access.actor
        if "state" in asked:
            state = OrganizationState(asked["state"])
            organizations.set_own_state(org_id=org_id, state=state, reason=asked["reason"], actor=actor)
        if "name" in asked:
            organizations.rename(org_id=org_id, name=asked["name"], actor=actor)
        if "slug" in asked:
            organizations.change_slug(org_id=org_id, slug=asked["slug"], actor=actor)
        if "session_hours" in asked:
            organizations.set_session_hours(org_id=org_id, hours=asked["session_hours"], actor=actor)
        if "allowed_networks" in asked:
            networks, force = asked["allowed_networks"], asked["force"]
            organizations.set_allowed_networks(org_id=org_id, networks=networks, force=force, actor=actor)

    @extend_schema(
        operation_id="delete_organization",
        request=DeleteOrganizationSerializer,
        responses={202: OrganizationDetailSerializer},
    )
    def delete(self, request: Request) -> Response:
        """Close the organization now and delete it after the grace period; until then `undo-deletion/` brings it back."""
        asked = valid_body(DeleteOrganizationSerializer, request)
        organizations.request_deletion(
            org_id=self.access.org.id,
            typed_name=asked["name"],
            reason=asked["reason"],
            actor=self.access.actor,
        )
        return self._answer(status.HTTP_202_ACCEPTED)

    def _answer(self, code: int = status.HTTP_200_OK) -> Response:
        org = Org.of(organizations.organization(self.access.org.id))
        return Response(OrganizationDetailSerializer(org).data, status=code)


class UndoDeletionView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"POST": Permission.ORGANIZATION_WRITE}
    even_closed = in_any_state = True

    @extend_schema(operation_id="undo_organization_deletion", request=None, responses=OrganizationDetailSerializer)
    def post(self, request: Request) -> Response:
        """Bring an organization back that is going to be deleted."""
        organizations.undo_deletion(org_id=self.access.org.id, actor=self.access.actor)
        return Response(OrganizationDetailSerializer(Org.of(organizations.organization(self.access.org.id))).data)


class ImageParser(BaseParser):
    """A body as it is; what it is, its first bytes say."""

    media_type = "*/*"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        return stream.read(organizations.LOGO_MAX_BYTES + 1)


class LogoView(OrgAPIView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.ORGANIZATION_READ,
        "PUT": Permission.ORGANIZATION_WRITE,
        "DELETE": Permission.ORGANIZATION_WRITE,
    }
    parser_classes = (ImageParser,)
    even_closed = True

    @extend_schema(operation_id="get_logo", responses={(200, "image/png"): OpenApiTypes.BINARY, 204: None})
    def get(self, request: Request) -> HttpResponse | Response:
        """The organization's logo; nothing when there is none."""
        try:
            return logo_response(self.access.org)
        except NotFoundError:
            return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(operation_id="set_logo", request={"image/png": OpenApiTypes.BINARY}, responses={204: None})
    def put(self, request: Request) -> Response:
        """Set the logo: the body is a PNG, JPEG or WebP image of at most 256 KiB."""
        # A request without a body is not parsed at all.
        data = request.data if isinstance(request.data, bytes) else b""
        organizations.set_logo(org_id=self.access.org.id, data=data, actor=self.access.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(operation_id="remove_logo", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Show no logo."""
        organizations.remove_logo(org_id=self.access.org.id, actor=self.access.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)


def logo_response(org: Org) -> HttpResponse:
    """The image, as something that a browser shows and never runs."""
    data, kind = organizations.logo(org.id)
    answer = HttpResponse(data, content_type=kind)
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer["Cache-Control"] = "private, max-age=300"
    return answer
