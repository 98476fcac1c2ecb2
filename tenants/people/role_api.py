"""REST: built-in and custom roles."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.http import valid_body
from tenants.models import CustomRole, Role
from tenants.paging import PAGE_PARAMETERS, page_of_list, page_request, page_response, page_schema
from tenants.people import roles, selectors
from tenants.people.http import PeopleAPIView
from tenants.people.serializers import RoleSerializer, WriteRoleSerializer
from tenants.permissions import ROLE_PERMISSIONS, Permission


class RolesView(PeopleAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.ROLE_READ, "POST": Permission.ROLE_WRITE}

    @extend_schema(operation_id="list_roles", parameters=PAGE_PARAMETERS, responses=page_schema(RoleSerializer))
    def get(self, request: Request) -> Response:
        """The built-in roles, each including those before it, then the custom ones by name."""
        held = selectors.times_held(self.org_id)
        rows = [_custom(role, held.get(role.id, 0)) for role in selectors.custom_roles(self.org_id)]
        page = page_of_list([*_BUILT_IN, *rows], page_request(request), key=_order)
        return page_response(request, page, RoleSerializer)

    @extend_schema(operation_id="create_role", request=WriteRoleSerializer, responses={201: RoleSerializer})
    def post(self, request: Request) -> Response:
        """Create a custom role out of permissions that you hold."""
        terms = WriteRoleSerializer.terms(valid_body(WriteRoleSerializer, request))
        made = roles.create_role(access=self.access, terms=terms)
        return Response(RoleSerializer(_custom(made, 0)).data, status=status.HTTP_201_CREATED)


class RoleView(PeopleAPIView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.ROLE_READ,
        "PUT": Permission.ROLE_WRITE,
        "DELETE": Permission.ROLE_WRITE,
    }

    @extend_schema(operation_id="get_role", responses=RoleSerializer)
    def get(self, request: Request, role_id: UUID) -> Response:
        """One custom role."""
        return Response(self._body(roles.custom_role(self.org_id, role_id)))

    @extend_schema(operation_id="change_role", request=WriteRoleSerializer, responses=RoleSerializer)
    def put(self, request: Request, role_id: UUID) -> Response:
        """Change a custom role; whoever holds it has the new rights at their next request."""
        roles.custom_role(self.org_id, role_id)
        terms = WriteRoleSerializer.terms(valid_body(WriteRoleSerializer, request))
        return Response(self._body(roles.change_role(access=self.access, role_id=role_id, terms=terms)))

    @extend_schema(operation_id="delete_role", responses={204: None})
    def delete(self, request: Request, role_id: UUID) -> Response:
        """Delete a custom role that nobody holds."""
        roles.delete_role(access=self.access, role_id=role_id)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _body(self, role: CustomRole) -> Any:
        return RoleSerializer(_custom(role, selectors.times_held(self.org_id).get(role.id, 0))).data


_BUILT_IN: list[dict[str, Any]] = [
    {
        "key": role.value,
        "id": None,
        "name": role.label,
        "description": "",
        "of_organization": role == Role.ORGANIZATION_ADMIN,
        "permissions": sorted(ROLE_PERMISSIONS[role]),
        "grants": None,
    }
    for role in Role
]


def _custom(role: CustomRole, held: int) -> dict[str, Any]:
    fields = ("id", "name", "description", "of_organization", "permissions")
    return {"key": None, "grants": held, **{name: getattr(role, name) for name in fields}}


def _order(role: dict[str, Any]) -> tuple[int, str, str]:
    place = Role.values.index(role["key"]) if role["key"] else len(Role.values)
    return (place, role["name"].lower(), str(role["id"]))
