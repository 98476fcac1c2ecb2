"""Inviting people, sending invitations again, taking them back."""

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from controlplane.ui.grant_form import terms_of_form
from controlplane.ui.pages.settings_people_base import PeoplePage
from tenants.access import Access
from tenants.errors import InvalidError
from tenants.people import invitations, selectors
from tenants.people.models import Invitation
from tenants.people.places import places
from tenants.people.terms import check_terms, terms_of_json
from tenants.people.wording import grant_words
from tenants.permissions import Permission


@dataclass(frozen=True)
class InvitationLine:
    """A pending invitation, with what it promises in words."""

    invitation: Invitation
    promises: list[str]
    is_expired: bool


def visible_invitations(access: Access, user_id: UUID | None) -> list[InvitationLine]:
    """Pending invitations, the newest first: one's own, or all with member:write. Call it inside org_scope."""
    rows = invitations.pending_invitations(access.org.id).order_by("-id")
    if not access.allows(Permission.MEMBER_WRITE):
        rows = rows.filter(invited_by_user_id=user_id)
    now = timezone.now()
    return [InvitationLine(row, _promises(row), row.expires_at <= now) for row in rows]


class Invite(PeoplePage):
    """Invites somebody."""

    permissions: ClassVar = {"POST": Permission.MEMBER_INVITE}

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        email = request.POST.get("email", "").strip()
        return self.changed(
            request,
            lambda: self._invite(request, email),
            f"{email} has been sent an invitation.",
            self.address("settings-members"),
        )

    def _invite(self, request: HttpRequest, email: str) -> None:
        """With a role, or with none: then the person sees nothing until something is given."""
        terms = [terms_of_form(request.POST)] if request.POST.get("role") else []
        wanted = request.POST.get("team", "")
        found = list(selectors.teams(self.org_id).filter(name=wanted)) if wanted else []
        if wanted and not found:
            raise InvalidError("There is no such team.", attr="team")
        invitations.invite(
            access=self.access,
            inviter_id=self.principal.user_id,
            email=email,
            grants=terms,
            teams=[team.id for team in found],
        )


class Resend(PeoplePage):
    """Mails an invitation once more, with a new link."""

    permissions: ClassVar = {"POST": Permission.MEMBER_INVITE}

    def post(self, request: HttpRequest, invitation_id: UUID, **_kwargs: Any) -> HttpResponse:
        found = invitations.pending_invitation(self.org_id, invitation_id)
        who = self.principal.user_id
        return self.changed(
            request,
            lambda: invitations.resend_invitation(access=self.access, inviter_id=who, invitation_id=found.id),
            f"{found.email} has been sent a new link. The one before works no longer.",
            self.address("settings-members"),
        )


class Revoke(PeoplePage):
    """Takes an invitation back."""

    permissions: ClassVar = {"POST": Permission.MEMBER_INVITE}

    def post(self, request: HttpRequest, invitation_id: UUID, **_kwargs: Any) -> HttpResponse:
        found = invitations.pending_invitation(self.org_id, invitation_id)
        who = self.principal.user_id
        return self.changed(
            request,
            lambda: invitations.revoke_invitation(access=self.access, inviter_id=who, invitation_id=found.id),
            f"The invitation of {found.email} is taken back.",
            self.address("settings-members"),
        )


def _promises(row: Invitation) -> list[str]:
    words = []
    for stored in row.grants:
        terms = terms_of_json(stored)
        named = places(row.org_id, [terms.deployment_id]) if terms.deployment_id else {}
        deployment = next((found.name for found in named.values()), None)
        try:
            role = check_terms(row.org_id, terms).role_name
        except InvalidError:
            # It names what was deleted meanwhile, or its time has passed: it will be left out.
            continue
        words.append(
            grant_words(
                role=role, scope=terms.scope, deployment=deployment, target=terms.target, value=terms.target_value
            )
        )
    return words
