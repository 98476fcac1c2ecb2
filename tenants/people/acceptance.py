"""Accepting an invitation: from the link in the mail to membership."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from tenants.access import Actor, Org, Principal, access_of
from tenants.audit.services import AuditTarget, record
from tenants.errors import AppError, ConflictError, ForbiddenError, NotFoundError
from tenants.models import Membership, Organization, Team, TeamMembership, User
from tenants.organization_states import check_writable
from tenants.people.admins import lock_people
from tenants.people.grants import Holder, HolderKind, store_grant
from tenants.people.invitations import check_promises
from tenants.people.models import Invitation
from tenants.people.terms import terms_of_json
from tenants.scoping import announce, org_scope
from tenants.services import add_member
from tenants.tokens import parse_token

_UNKNOWN = "This invitation is not one of ours, or a newer one was sent. Look for the newest mail, or ask for another."


def find_invitation(text: str) -> tuple[Invitation, Org]:
    """The invitation behind a link, and its organization; NotFoundError says why the link is good for nothing."""
    parsed = parse_token(text)
    if parsed is None or parsed.kind != "invite":
        raise NotFoundError(_UNKNOWN)
    with transaction.atomic():
        # SECURITY: the policy `by_id` shows this one row, before its organization is known.
        announce(setting="app.invitation", value=str(parsed.id))
        found = Invitation.unscoped.filter(id=parsed.id).first()
        announce(setting="app.invitation", value="")
    if found is None or not parsed.matches(found.secret_sha256):
        raise NotFoundError(_UNKNOWN)
    _check_usable(found)
    return found, Org.of(Organization.objects.defer("logo").get(id=found.org_id))


def accept_invitation(*, principal: Principal, text: str) -> Org:
    """Make the signed-in person a member with what the invitation promises, once.

    ForbiddenError when the invitation is for another e-mail address; NotFoundError when it is good for nothing any more. What it
    promises and is not there any more, such as a deleted deployment, is left out; the audit log says so.
    """
    found, org = find_invitation(text)
    user = principal.user
    if user is None:
        raise ForbiddenError("Only a person can accept an invitation: sign in.")
    if found.email.lower() != user.email.lower():
        raise ForbiddenError(
            f"This invitation is for {found.email}, and you are signed in as {user.email}. Sign in with that address."
        )
    check_writable(org)
    actor = principal.actor
    with org_scope(org.id):
        lock_people(org.id)
        used = Invitation.objects.for_org(org.id).filter(id=found.id, accepted_at=None, revoked_at=None)
        _check_inviter(org, found)
        if used.update(accepted_at=timezone.now(), accepted_by=user) != 1:
            raise NotFoundError("This invitation was used or revoked meanwhile.")
        if not Membership.objects.for_org(org.id).filter(user=user).exists():
            add_member(org_id=org.id, user=user)
        left_out = [*_grant(org.id, actor, user, found), *_join(org.id, user, found)]
        record(
            org_id=org.id,
            actor=actor,
            action="invitation.accept",
            target=AuditTarget("invitation", found.id, found.email),
            after={"invited_by": found.invited_by, "left_out": left_out},
        )
    return org


def _check_inviter(org: Org, found: Invitation) -> None:
    """Nobody gives through an invitation what they could not give themselves by now."""
    if found.invited_by_user is None:
        return
    try:
        check_promises(access_of(org, found.invited_by_user), found)
    except ForbiddenError as error:
        raise NotFoundError(
            f"{found.invited_by} may not give any more what this invitation promises. Ask an admin of {org.name} for another."
        ) from error


def _check_usable(found: Invitation) -> None:
    if found.accepted_at is not None:
        raise NotFoundError("This invitation was accepted already. Sign in to use what it gave.")
    if found.revoked_at is not None:
        raise NotFoundError(f"{found.invited_by} or an admin has taken this invitation back. Ask for another.")
    if found.expires_at <= timezone.now():
        raise NotFoundError(f"This invitation has expired. Ask {found.invited_by} to send it again.")


def _grant(org_id: UUID, actor: Actor, user: User, found: Invitation) -> list[str]:
    """Give what was promised; what cannot be given any more, in words."""
    left_out = []
    for stored in found.grants:
        try:
            with transaction.atomic():
                holder = Holder(HolderKind.USER, user.pk)
                store_grant(org_id=org_id, actor=actor, holder=holder, terms=terms_of_json(stored))
        except ConflictError:
            continue  # held already, by somebody who was let in another way meanwhile
        except AppError as error:
            left_out.append(error.message)
    return left_out


def _join(org_id: UUID, user: User, found: Invitation) -> list[str]:
    teams = list(Team.objects.for_org(org_id).filter(id__in=found.teams, is_synced=False))
    for team in teams:
        if not TeamMembership.objects.for_org(org_id).filter(team=team, user=user).exists():
            TeamMembership.objects.create_in(org_id, team=team, user=user)
    gone = len(found.teams) - len(teams)
    return [f"Teams that were deleted: {gone}"] if gone else []
