"""Teams: who is in them, and what they hold."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from controlplane.ui.grant_form import grant_form, terms_of_form
from controlplane.ui.pages.settings_people_base import PeoplePage
from controlplane.ui.paging import asked
from tenants.errors import InvalidError
from tenants.paging import page_of_rows
from tenants.people import grants, selectors, teams
from tenants.people.grants import Holder, HolderKind
from tenants.permissions import Permission


class Teams(PeoplePage):
    """Every team; creates one."""

    permissions: ClassVar = {"GET": Permission.TEAM_READ, "POST": Permission.TEAM_WRITE}
    section = "settings-teams"

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        page = page_of_rows(selectors.teams(self.org_id), asked(request), by=["name", "id"])
        lines = selectors.team_lines(self.org_id, self.viewer, page.results)
        return self.render(request, "settings/people/teams.html", page=page, lines=lines)

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        name = request.POST.get("name", "")
        return self.changed(
            request,
            lambda: teams.create_team(access=self.access, name=name),
            f"The team {name.strip()} is there. Put people into it, and give it roles.",
            self.address("settings-teams"),
        )


class Team(PeoplePage):
    """One team: its people and its grants; gives it another one."""

    permissions: ClassVar = {"GET": Permission.TEAM_READ, "POST": Permission.TEAM_GRANT}
    section = "settings-teams"

    def get(self, request: HttpRequest, team_id: UUID, **_kwargs: Any) -> HttpResponse:
        line = selectors.team_lines(self.org_id, self.viewer, [teams.team(self.org_id, team_id)])[0]
        page = page_of_rows(selectors.members(self.org_id, team_id=team_id), asked(request), by=["id"])
        may_give = self.access.allows(Permission.TEAM_GRANT)
        context: dict[str, Any] = {
            "line": line,
            "page": page,
            "form": grant_form(self.access, self.viewer) if may_give else None,
        }
        return self.render(request, "settings/people/team.html", **context)

    def post(self, request: HttpRequest, team_id: UUID, **_kwargs: Any) -> HttpResponse:
        teams.team(self.org_id, team_id)
        holder = Holder(HolderKind.TEAM, team_id)
        return self.changed(
            request,
            lambda: grants.grant(access=self.access, holder=holder, terms=terms_of_form(request.POST)),
            "Given. It holds for everybody in the team from their next request on.",
            self.address("settings-team", team_id=team_id),
        )


class RenameTeam(PeoplePage):
    """Gives a team another name."""

    permissions: ClassVar = {"POST": Permission.TEAM_WRITE}

    def post(self, request: HttpRequest, team_id: UUID, **_kwargs: Any) -> HttpResponse:
        teams.team(self.org_id, team_id)
        name = request.POST.get("name", "")
        return self.changed(
            request,
            lambda: teams.rename_team(access=self.access, team_id=team_id, name=name),
            f"The team is called {name.strip()} now.",
            self.address("settings-team", team_id=team_id),
        )


class DeleteTeam(PeoplePage):
    """Deletes a team with its grants."""

    permissions: ClassVar = {"POST": Permission.TEAM_WRITE}

    def post(self, request: HttpRequest, team_id: UUID, **_kwargs: Any) -> HttpResponse:
        name = teams.team(self.org_id, team_id).name
        return self.changed(
            request,
            lambda: teams.delete_team(access=self.access, team_id=team_id),
            f"The team {name} is deleted.",
            self.address("settings-teams"),
        )


class AddToTeam(PeoplePage):
    """Puts a member into a team, by e-mail address."""

    permissions: ClassVar = {"POST": Permission.TEAM_WRITE}

    def post(self, request: HttpRequest, team_id: UUID, **_kwargs: Any) -> HttpResponse:
        teams.team(self.org_id, team_id)
        email = request.POST.get("email", "").strip()
        return self.changed(
            request,
            lambda: self._add(team_id, email),
            f"{email} is in the team.",
            self.address("settings-team", team_id=team_id),
        )

    def _add(self, team_id: UUID, email: str) -> None:
        found = selectors.members(self.org_id).filter(user__email__iexact=email).first()
        if found is None:
            raise InvalidError(f"{email or 'Nobody'} is not a member of {self.access.org.name}.", attr="email")
        teams.add_to_team(access=self.access, team_id=team_id, user_id=found.user_id)


class RemoveFromTeam(PeoplePage):
    """Takes a person out of a team."""

    permissions: ClassVar = {"POST": Permission.TEAM_WRITE}

    def post(self, request: HttpRequest, team_id: UUID, user_id: UUID, **_kwargs: Any) -> HttpResponse:
        teams.team(self.org_id, team_id)
        back = request.POST.get("back", "")
        then = (
            self.address("settings-member", user_id=user_id)
            if back == "member"
            else self.address("settings-team", team_id=team_id)
        )
        return self.changed(
            request,
            lambda: teams.remove_from_team(access=self.access, team_id=team_id, user_id=user_id),
            "Out of the team.",
            then,
        )
