"""Inviting people by e-mail: the invitation carries what they will hold, and its link works once, for its address only."""

import datetime
from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import QuerySet
from django.utils import timezone

from tenants.access import Access, Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError, TooManyError
from tenants.models import Membership, Team
from tenants.people.admins import lock_people
from tenants.people.authority import require_authority, require_authority_over
from tenants.people.invitation_mail import send_invitation
from tenants.people.models import Invitation, InvitationMail
from tenants.people.teams import team_grants
from tenants.people.terms import GrantTerms, check_terms, terms_of_json
from tenants.permissions import Permission
from tenants.scoping import org_scope
from tenants.tokens import digest, new_secret, token_text

# More than anybody needs at the start; it bounds the row.
MAX_GRANTS = 20
_HOUR = datetime.timedelta(hours=1)


def invite(
    *,
    access: Access,
    inviter_id: UUID | None,
    email: str,
    grants: Sequence[GrantTerms] = (),
    teams: Sequence[UUID] = (),
) -> Invitation:
    """Offer membership to an address and mail it the link. `inviter_id` is the person who asks, behind a token too.

    Needs member:invite, and for what the person will hold what giving it would need. InvalidError for an address that is none or
    terms that make no sense, ConflictError for a member or somebody invited already, TooManyError beyond the hourly limit.
    """
    access.require(Permission.MEMBER_INVITE)
    org_id, address = access.org.id, _address(email)
    with org_scope(org_id):
        lock_people(org_id)
        _check_new(org_id, address)
        _check_promises(access, grants, teams)
        secret = new_secret()
        invitation = Invitation.objects.create_in(
            org_id,
            email=address,
            grants=[terms.as_json() for terms in grants],
            teams=[str(team_id) for team_id in teams],
            secret_sha256=digest(secret),
            invited_by=access.actor.label[:254],
            invited_by_user_id=inviter_id,
            expires_at=_end(),
        )
        _mail(access, invitation, secret)
        record(
            org_id=org_id,
            actor=access.actor,
            action="invitation.create",
            target=_target(invitation),
            after={
                "grants": invitation.grants,
                "teams": invitation.teams,
                "expires_at": invitation.expires_at.isoformat(),
            },
        )
    return invitation


def resend_invitation(*, access: Access, inviter_id: UUID | None, invitation_id: UUID) -> Invitation:
    """Mail a new link, good for the whole time again; the one before stops working. Errors as `invite`.

    ForbiddenError, too, for who might not promise any more what it promises.
    """
    org_id = access.org.id
    with org_scope(org_id):
        lock_people(org_id)
        invitation = _editable(access, inviter_id, invitation_id)
        check_promises(access, invitation)
        secret = new_secret()
        invitation.secret_sha256, invitation.expires_at = digest(secret), _end()
        # Who sends it again vouches for it from now on.
        invitation.invited_by_user_id, invitation.invited_by = inviter_id, access.actor.label[:254]
        invitation.save(update_fields=["secret_sha256", "expires_at", "invited_by_user", "invited_by"])
        _mail(access, invitation, secret)
        after = {"expires_at": invitation.expires_at.isoformat()}
        record(org_id=org_id, actor=access.actor, action="invitation.resend", target=_target(invitation), after=after)
    return invitation


def revoke_invitation(*, access: Access, inviter_id: UUID | None, invitation_id: UUID) -> None:
    """Make the link worthless. NotFoundError when there is no pending invitation."""
    org_id = access.org.id
    with org_scope(org_id):
        lock_people(org_id)
        invitation = _editable(access, inviter_id, invitation_id)
        Invitation.objects.for_org(org_id).filter(id=invitation.id).update(revoked_at=timezone.now())
        record(org_id=org_id, actor=access.actor, action="invitation.revoke", target=_target(invitation))


def revoke_invitations_of(*, org_id: UUID, user_id: UUID, actor: Actor) -> int:
    """Take back every pending invitation that a person sent, because they leave; how many there were. Call it inside org_scope."""
    sent = list(pending_invitations(org_id).filter(invited_by_user_id=user_id))
    for invitation in sent:
        Invitation.objects.for_org(org_id).filter(id=invitation.id).update(revoked_at=timezone.now())
        reason = f"{invitation.invited_by} was taken out of the organization"
        record(org_id=org_id, actor=actor, action="invitation.revoke", target=_target(invitation), reason=reason)
    return len(sent)


def pending_invitations(org_id: UUID) -> QuerySet[Invitation]:
    """Those that were neither accepted nor revoked; some may have expired. Read it inside org_scope."""
    return Invitation.objects.for_org(org_id).filter(accepted_at=None, revoked_at=None)


def pending_invitation(org_id: UUID, invitation_id: UUID) -> Invitation:
    """One of them; NotFoundError when there is none. Call it inside org_scope."""
    found = pending_invitations(org_id).filter(id=invitation_id).first()
    if found is None:
        raise NotFoundError("There is no such pending invitation. It may have been accepted or revoked.")
    return found


def _editable(access: Access, inviter_id: UUID | None, invitation_id: UUID) -> Invitation:
    access.require(Permission.MEMBER_INVITE)
    invitation = pending_invitation(access.org.id, invitation_id)
    own = inviter_id is not None and invitation.invited_by_user_id == inviter_id
    if not own and not access.allows(Permission.MEMBER_WRITE):
        raise ForbiddenError(
            f"{invitation.invited_by} sent this invitation. They or an Organization Admin can do that."
        )
    return invitation


def _check_new(org_id: UUID, address: str) -> None:
    if Membership.objects.for_org(org_id).filter(user__email__iexact=address).exists():
        raise ConflictError(f"{address} is a member already.", attr="email")
    if pending_invitations(org_id).filter(email__iexact=address).exists():
        raise ConflictError(f"{address} is invited already. Send the invitation again, or revoke it.", attr="email")


def _check_promises(access: Access, grants: Sequence[GrantTerms], teams: Sequence[UUID]) -> None:
    if len(grants) > MAX_GRANTS or len(teams) > MAX_GRANTS:
        raise InvalidError(f"An invitation carries at most {MAX_GRANTS} grants and as many teams.", attr="grants")
    for terms in grants:
        checked = check_terms(access.org.id, terms)
        require_authority(access, permissions=checked.permissions, scope=terms.scope, place=checked.place)
    if not teams:
        return
    access.require(Permission.TEAM_WRITE)
    known = set(Team.objects.for_org(access.org.id).filter(id__in=teams, is_synced=False).values_list("id", flat=True))
    if set(teams) - known:
        raise InvalidError("There is no such team, or your identity provider manages it.", attr="teams")
    for team_id in teams:
        require_authority_over(access, team_grants(access.org.id, team_id))


def check_promises(access: Access, invitation: Invitation) -> None:
    """ForbiddenError unless the caller may give what it promises; what was deleted meanwhile is promised no more, and needs no right."""
    org_id = access.org.id
    for stored in invitation.grants:
        try:
            checked = check_terms(org_id, terms_of_json(stored))
        except InvalidError:
            continue
        require_authority(access, permissions=checked.permissions, scope=checked.terms.scope, place=checked.place)
    for team_id in invitation.teams:
        require_authority_over(access, team_grants(org_id, UUID(team_id)))


def _mail(access: Access, invitation: Invitation, secret: str) -> None:
    """Count it and send it, in the transaction: a mail of an invitation that was rolled back never leaves."""
    org_id = access.org.id
    mails = InvitationMail.objects.for_org(org_id)
    mails.filter(created_at__lt=timezone.now() - _HOUR).delete()
    if mails.count() >= settings.INVITATIONS_PER_HOUR:
        raise TooManyError(
            f"{access.org.name} has sent {settings.INVITATIONS_PER_HOUR} invitations within an hour, which is the limit. "
            "Wait a while."
        )
    InvitationMail.objects.create_in(org_id, invitation_id=invitation.id)
    text = token_text(kind="invite", token_id=invitation.id, secret=secret)
    send_invitation(invitation, organization=access.org.name, link=f"{settings.PUBLIC_URL}/invite/{text}")


def _address(email: str) -> str:
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise InvalidError(" ".join(error.messages), attr="email") from error
    return address


def _end() -> datetime.datetime:
    return timezone.now() + datetime.timedelta(days=settings.INVITATION_DAYS)


def _target(invitation: Invitation) -> AuditTarget:
    return AuditTarget("invitation", invitation.id, invitation.email)
