"""REST: teams and who is in them."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.http import valid_body
from tenants.models import Team
from tenants.paging import PAGE_PARAMETERS, Page, page_of_rows, page_request, page_response, page_schema
from tenants.people import selectors, teams
from tenants.people.http import PeopleAPIView
from tenants.people.serializers import MemberSerializer, NameTeamSerializer, TeamSerializer
from tenants.permissions import Permission


class _TeamAPIView(PeopleAPIView):
    """Answers with a team."""

    def body(self, team: Team) -> object:
        return TeamSerializer(selectors.team_lines(self.org_id, self.viewer, [team])[0]).data


class TeamsView(_TeamAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.TEAM_READ, "POST": Permission.TEAM_WRITE}

    @extend_schema(operation_id="list_teams", parameters=PAGE_PARAMETERS, responses=page_schema(TeamSerializer))
    def get(self, request: Request) -> Response:
        """Teams by name, with what they hold."""
        page = page_of_rows(selectors.teams(self.org_id), page_request(request), by=["name", "id"])
        lines = selectors.team_lines(self.org_id, self.viewer, page.results)
        return page_response(request, Page(lines, page.cursor, page.more), TeamSerializer)

    @extend_schema(operation_id="create_team", request=NameTeamSerializer, responses={201: TeamSerializer})
    def post(self, request: Request) -> Response:
        """Create a team: at first nobody is in it, and it holds nothing."""
        made = teams.create_team(access=self.access, name=valid_body(NameTeamSerializer, request)["name"])
        return Response(self.body(made), status=status.HTTP_201_CREATED)


class TeamView(_TeamAPIView):
    permissions: ClassVar[dict[str, Permission]] = {
        "GET": Permission.TEAM_READ,
        "PATCH": Permission.TEAM_WRITE,
        "DELETE": Permission.TEAM_WRITE,
    }

    @extend_schema(operation_id="get_team", responses=TeamSerializer)
    def get(self, request: Request, team_id: UUID) -> Response:
        """One team."""
        return Response(self.body(teams.team(self.org_id, team_id)))

    @extend_schema(operation_id="rename_team", request=NameTeamSerializer, responses=TeamSerializer)
    def patch(self, request: Request, team_id: UUID) -> Response:
        """Give a team another name."""
        teams.team(self.org_id, team_id)
        name = valid_body(NameTeamSerializer, request)["name"]
        return Response(self.body(teams.rename_team(access=self.access, team_id=team_id, name=name)))

    @extend_schema(operation_id="delete_team", responses={204: None})
    def delete(self, request: Request, team_id: UUID) -> Response:
        """Delete a team, with everything that its people held through it."""
        teams.delete_team(access=self.access, team_id=team_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class TeamMembersView(PeopleAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"GET": Permission.TEAM_READ}

    @extend_schema(
        operation_id="list_team_members", parameters=PAGE_PARAMETERS, responses=page_schema(MemberSerializer)
    )
    def get(self, request: Request, team_id: UUID) -> Response:
        """Who is in a team."""
        teams.team(self.org_id, team_id)
        page = page_of_rows(selectors.members(self.org_id, team_id=team_id), page_request(request), by=["id"])
        lines = selectors.member_lines(self.org_id, self.viewer, page.results)
        return page_response(request, Page(lines, page.cursor, page.more), MemberSerializer)


class TeamMemberView(PeopleAPIView):
    permissions: ClassVar[dict[str, Permission]] = {"PUT": Permission.TEAM_WRITE, "DELETE": Permission.TEAM_WRITE}

    @extend_schema(operation_id="add_to_team", request=None, responses={204: None})
    def put(self, request: Request, team_id: UUID, user_id: UUID) -> Response:
        """Put a member into a team; nothing happens when they are in it."""
        teams.add_to_team(access=self.access, team_id=team_id, user_id=user_id)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(operation_id="remove_from_team", responses={204: None})
    def delete(self, request: Request, team_id: UUID, user_id: UUID) -> Response:
        """Take a person out of a team."""
        teams.remove_from_team(access=self.access, team_id=team_id, user_id=user_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
