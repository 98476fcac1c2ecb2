"""REST: members of an organization, and what they may do and why."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.errors import ForbiddenError, NotFoundError
from tenants.grants import Holding
from tenants.models import TargetKind
from tenants.paging import PAGE_PARAMETERS, Page, page_of_rows, page_request, page_response, page_schema
from tenants.people import members, selectors
from tenants.people.explanation import Explanation, RightLine, explain
from tenants.people.http import PeopleAPIView
from tenants.people.places import NamedPlace
from tenants.people.serializers import MemberSerializer, RightsSerializer
from tenants.people.visible_grants import GrantViewer
from tenants.permissions import Permission


class MembersView(PeopleAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.MEMBER_READ}

    @extend_schema(
        operation_id="list_members",
        parameters=[*PAGE_PARAMETERS, OpenApiParameter("q", str, description="Part of the name or e-mail address.")],
        responses=page_schema(MemberSerializer),
    )
    def get(self, request: Request) -> Response:
        """The organization's people in the order in which they joined, with their teams and grants."""
        rows = selectors.members(self.org_id, q=request.query_params.get("q", ""))
        page = page_of_rows(rows, page_request(request), by=["id"])
        lines = selectors.member_lines(self.org_id, self.viewer, page.results)
        return page_response(request, Page(lines, page.cursor, page.more), MemberSerializer)


class MemberView(PeopleAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.MEMBER_READ, "DELETE": Permission.MEMBER_WRITE}

    @extend_schema(operation_id="get_member", responses=MemberSerializer)
    def get(self, request: Request, user_id: UUID) -> Response:
        """One person, with their teams and grants."""
        found = members.member(self.org_id, user_id)
        line = selectors.member_lines(self.org_id, self.viewer, [found])[0]
        return Response(MemberSerializer(line).data)

    @extend_schema(operation_id="remove_member", responses={204: None})
    def delete(self, request: Request, user_id: UUID) -> Response:
        """Take a person out of the organization, with their grants, teams and tokens."""
        members.remove_member(access=self.access, user_id=user_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class RightsView(PeopleAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.MEMBER_READ}

    @extend_schema(
        operation_id="explain_rights",
        parameters=[
            OpenApiParameter(
                "deployment", str, description="Its name; without it, rights over the organization itself."
            )
        ],
        responses=RightsSerializer,
    )
    def get(self, request: Request, user_id: UUID) -> Response:
        """What this person can see and do, and why. Of oneself anybody may ask, of others who administers the place."""
        found = members.member(self.org_id, user_id)
        viewer = self.viewer
        named = _place(viewer, request.query_params.get("deployment", ""))
        administers = viewer.may_administer(named)
        if not administers and found.user_id != self.person_id():
            raise ForbiddenError("Only who administers this place may look into what others hold there.")
        place = named.place if named else None
        explained = explain(self.org_id, user_id=found.user_id, email=found.user.email, place=place)
        body = {
            "user_id": found.user_id,
            "email": found.user.email,
            "deployment": named.name if named else None,
            **_shown(viewer, explained, with_denials=administers),
        }
        return Response(RightsSerializer(body).data)


def _place(viewer: GrantViewer, name: str) -> NamedPlace | None:
    if not name:
        return None
    for named in viewer.places:
        if named.name == name:
            return named
    raise NotFoundError(f"There is no deployment called {name}, or you may not know of it.")


def _shown(viewer: GrantViewer, explained: Explanation, *, with_denials: bool) -> dict[str, Any]:
    """Denials are told to those who administer the place: what is hidden from a person is not named to them."""
    return {
        "is_hidden": explained.is_hidden,
        "rights": [_right(viewer, line) for line in explained.lines],
        "denials": [_source(viewer, denial) for denial in explained.denials] if with_denials else [],
    }


def _right(viewer: GrantViewer, line: RightLine) -> dict[str, Any]:
    return {
        "entry": line.entry,
        "extent": line.extent,
        "by_membership": line.by_membership,
        "sources": [_source(viewer, source) for source in line.sources],
    }


def _source(viewer: GrantViewer, held: Holding) -> dict[str, Any]:
    held = viewer.masked(held)
    target = held.target
    return {
        **{
            name: getattr(held, name)
            for name in ("grant_id", "effect", "team", "role", "scope", "reason", "expires_at")
        },
        "deployment": viewer.deployment_name(held),
        "target": target.kind if target else TargetKind.EVERYTHING,
        "target_value": target.value if target else "",
    }
