"""Members: taking people out of an organization."""

from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from tenants.access import Access
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, NotFoundError
from tenants.models import ApiToken, Grant, Membership, TeamMembership
from tenants.people.admins import lock_people, require_an_admin
from tenants.people.authority import require_authority_over
from tenants.people.grants import remove_grant
from tenants.people.invitations import revoke_invitations_of
from tenants.permissions import Permission
from tenants.scoping import org_scope


def remove_member(*, access: Access, user_id: UUID) -> None:
    """Take a person out of the organization: grants, teams, tokens and the invitations they sent go with them, at once.

    ConflictError for whom the identity provider manages, and when nobody would administer the organization; ForbiddenError when the
    caller does not hold what would be taken. The account itself stays: it may belong to other organizations.
    """
    access.require(Permission.MEMBER_WRITE)
    org_id = access.org.id
    with org_scope(org_id):
        lock_people(org_id)
        membership = member(org_id, user_id)
        if membership.is_synced and membership.is_active:
            raise ConflictError(f"{membership.user.email} comes from your identity provider. Remove them there.")
        own = list(Grant.objects.for_org(org_id).filter(user_id=user_id).select_related("custom_role"))
        teams = TeamMembership.objects.for_org(org_id).filter(user_id=user_id)
        require_authority_over(access, [*own, *_grants_of_teams(org_id, teams)])
        for row in own:
            remove_grant(org_id=org_id, actor=access.actor, row=row)
        left = list(teams.values_list("team__name", flat=True))
        teams.delete()
        tokens = ApiToken.objects.for_org(org_id).filter(user_id=user_id, revoked_at=None).update(revoked_at=Now())
        revoked = revoke_invitations_of(org_id=org_id, user_id=user_id, actor=access.actor)
        Membership.objects.for_org(org_id).filter(id=membership.id).delete()
        record(
            org_id=org_id,
            actor=access.actor,
            action="member.remove",
            target=AuditTarget("member", user_id, membership.user.email),
            before={"teams": left, "revoked_credentials": tokens, "revoked_invitations": revoked},
        )
        require_an_admin(org_id)


def member(org_id: UUID, user_id: UUID) -> Membership:
    """One membership with its person; NotFoundError when there is none. Call it inside org_scope."""
    row = Membership.objects.for_org(org_id).select_related("user").filter(user_id=user_id).first()
    if row is None:
        raise NotFoundError("There is no such member in this organization.")
    return row


def _grants_of_teams(org_id: UUID, teams: QuerySet[TeamMembership]) -> QuerySet[Grant]:
    ids = list(teams.values_list("team_id", flat=True))
    return Grant.objects.for_org(org_id).filter(Q(team_id__in=ids)).select_related("custom_role")
