"""Members of an organization: the list, one person with what they hold and why, and taking somebody out."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from controlplane.ui.grant_form import grant_form, terms_of_form
from controlplane.ui.pages.settings_invitations import visible_invitations
from controlplane.ui.pages.settings_people_base import PeoplePage
from controlplane.ui.paging import asked
from controlplane.ui.rights_shown import rights_shown
from tenants.errors import InvalidError
from tenants.paging import page_of_rows
from tenants.people import grants, members, selectors, teams
from tenants.people.grants import Holder, HolderKind
from tenants.people.places import NamedPlace
from tenants.people.selectors import MemberLine
from tenants.permissions import Permission


class Members(PeoplePage):
    """Everybody, and who is invited."""

    permissions: ClassVar = {"GET": Permission.MEMBER_READ}
    section = "settings-members"

    def get(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        q = request.GET.get("q", "").strip()
        page = page_of_rows(selectors.members(self.org_id, q=q), asked(request), by=["id"])
        context: dict[str, Any] = {"lines": selectors.member_lines(self.org_id, self.viewer, page.results)}
        if self.access.allows(Permission.MEMBER_INVITE):
            context["form"] = grant_form(self.access, self.viewer)
            context["invitations"] = visible_invitations(self.access, self.principal.user_id)
        if self.access.allows(Permission.TEAM_WRITE):
            context["teams"] = selectors.teams(self.org_id).filter(is_synced=False).order_by("name")
        return self.render(request, "settings/people/members.html", page=page, q=q, **context)


class Member(PeoplePage):
    """One person: their grants and teams, and every right of theirs with its source."""

    permissions: ClassVar = {"GET": Permission.MEMBER_READ}
    section = "settings-members"

    def get(self, request: HttpRequest, user_id: UUID, **_kwargs: Any) -> HttpResponse:
        found = members.member(self.org_id, user_id)
        line = selectors.member_lines(self.org_id, self.viewer, [found])[0]
        context = {
            "line": line,
            "form": grant_form(self.access, self.viewer),
            "is_self": found.user_id == self.principal.user_id,
            "other_teams": self._other_teams(line),
        }
        return self.render(request, "settings/people/member.html", **context, **self._rights(request, line))

    def _other_teams(self, line: MemberLine) -> Any:
        if not self.access.allows(Permission.TEAM_WRITE):
            return []
        inside = [team.id for team in line.teams]
        return selectors.teams(self.org_id).filter(is_synced=False).exclude(id__in=inside).order_by("name")

    def _rights(self, request: HttpRequest, line: MemberLine) -> dict[str, Any]:
        """The place that is asked for, or the first that the caller may look into."""
        mine = line.user.pk == self.principal.user_id
        choices = [named for named in self.viewer.places if mine or self.viewer.may_administer(named)]
        whole = mine or self.viewer.may_administer(None)
        asked_for = request.GET.get("deployment", "")
        named: NamedPlace | None = next((one for one in choices if one.name == asked_for), None)
        if named is None and not whole and choices:
            named = choices[0]
        if named is None and not whole:
            return {"rights": None}
        shown = rights_shown(self.viewer, line.membership, named)
        return {"rights": shown, "places": choices, "whole": whole, "place": named.name if named else ""}


class Give(PeoplePage):
    """Gives a role to a person, or denies them something."""

    # What it needs besides, the grant itself says.
    permissions: ClassVar = {"POST": Permission.MEMBER_READ}

    def post(self, request: HttpRequest, user_id: UUID, **_kwargs: Any) -> HttpResponse:
        members.member(self.org_id, user_id)
        holder = Holder(HolderKind.USER, user_id)
        return self.changed(
            request,
            lambda: grants.grant(access=self.access, holder=holder, terms=terms_of_form(request.POST)),
            "Given. It holds from their next request on.",
            self.address("settings-member", user_id=user_id),
        )


class Remove(PeoplePage):
    """Takes a person out of the organization."""

    permissions: ClassVar = {"POST": Permission.MEMBER_WRITE}

    def post(self, request: HttpRequest, user_id: UUID, **_kwargs: Any) -> HttpResponse:
        email = members.member(self.org_id, user_id).user.email
        return self.changed(
            request,
            lambda: members.remove_member(access=self.access, user_id=user_id),
            f"{email} is not a member any more.",
            self.address("settings-members"),
        )


class Join(PeoplePage):
    """Puts a person into a team, from their page."""

    permissions: ClassVar = {"POST": Permission.TEAM_WRITE}

    def post(self, request: HttpRequest, user_id: UUID, **_kwargs: Any) -> HttpResponse:
        members.member(self.org_id, user_id)
        name = request.POST.get("team", "")
        return self.changed(
            request,
            lambda: self._join(user_id, name),
            f"Now in {name}.",
            self.address("settings-member", user_id=user_id),
        )

    def _join(self, user_id: UUID, name: str) -> None:
        found = selectors.teams(self.org_id).filter(name=name).first()
        if found is None:
            raise InvalidError("Choose a team.", attr="team")
        teams.add_to_team(access=self.access, team_id=found.id, user_id=user_id)
