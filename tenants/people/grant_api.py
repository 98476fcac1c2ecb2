"""REST: grants, and the vocabulary of permissions."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.errors import InvalidError, NotFoundError
from tenants.http import valid_body
from tenants.paging import (
    PAGE_PARAMETERS,
    Page,
    page_of_list,
    page_of_rows,
    page_request,
    page_response,
    page_schema,
)
from tenants.people import grants
from tenants.people.grants import HolderKind
from tenants.people.http import PeopleAPIView
from tenants.people.serializers import GiveSerializer, GrantSerializer, PermissionSerializer
from tenants.people.vocabulary import ENTRIES
from tenants.permissions import Permission

_HOLDERS = [OpenApiParameter(kind.value, UUID, description="Only those of this holder, by id.") for kind in HolderKind]


class GrantsView(PeopleAPIView):
    # To give something needs deployment:grant there, or member:write: which of them, the body says.
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.MEMBER_READ, "POST": Permission.MEMBER_READ}

    @extend_schema(
        operation_id="list_grants", parameters=[*PAGE_PARAMETERS, *_HOLDERS], responses=page_schema(GrantSerializer)
    )
    def get(self, request: Request) -> Response:
        """Grants and denials that you may know of, in the order in which they were given."""
        viewer = self.viewer
        wanted = {f"{kind}_id": _id(request, kind) for kind in HolderKind if request.query_params.get(kind)}
        page = page_of_rows(viewer.rows().filter(**wanted), page_request(request), by=["id"])
        views = [viewer.view(row) for row in page.results]
        return page_response(request, Page(views, page.cursor, page.more), GrantSerializer)

    @extend_schema(operation_id="give_grant", request=GiveSerializer, responses={201: GrantSerializer})
    def post(self, request: Request) -> Response:
        """Give a role, or deny something. Nobody gives more than they hold."""
        body = valid_body(GiveSerializer, request)
        viewer = self.viewer
        known = {named.place.id: named for named in viewer.places}
        given = grants.grant(
            access=self.access, holder=GiveSerializer.holder(body), terms=GiveSerializer.terms(body, known)
        )
        view = viewer.view(grants.grant_row(self.org_id, given.id))
        return Response(GrantSerializer(view).data, status=status.HTTP_201_CREATED)


class GrantDetailView(PeopleAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.MEMBER_READ, "DELETE": Permission.MEMBER_READ}

    @extend_schema(operation_id="get_grant", responses=GrantSerializer)
    def get(self, request: Request, grant_id: UUID) -> Response:
        """One grant."""
        viewer = self.viewer
        row = viewer.rows().filter(id=grant_id).first()
        if row is None:
            raise NotFoundError("There is no such grant.")
        return Response(GrantSerializer(viewer.view(row)).data)

    @extend_schema(operation_id="revoke_grant", responses={204: None})
    def delete(self, request: Request, grant_id: UUID) -> Response:
        """Take a grant back, or lift a denial: it needs what giving it would need."""
        if not self.viewer.rows().filter(id=grant_id).exists():
            raise NotFoundError("There is no such grant.")
        grants.revoke_grant(access=self.access, grant_id=grant_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class PermissionsView(PeopleAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.ROLE_READ}

    @extend_schema(
        operation_id="list_permissions", parameters=PAGE_PARAMETERS, responses=page_schema(PermissionSerializer)
    )
    def get(self, request: Request) -> Response:
        """Every permission that a custom role can hold."""
        page = page_of_list(ENTRIES, page_request(request, default_size=1000), key=lambda entry: (entry.permission,))
        return page_response(request, page, PermissionSerializer)


def _id(request: Request, kind: HolderKind) -> UUID:
    try:
        return UUID(request.query_params[kind])
    except ValueError as error:
        raise InvalidError("This is not an id.", attr=kind) from error
