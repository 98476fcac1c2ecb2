"""An organization always has somebody who can administer it: the last Organization Admin cannot be taken away."""

from uuid import UUID

from tenants.errors import ConflictError
from tenants.models import (
    Effect,
    Grant,
    GrantScope,
    Membership,
    Organization,
    Role,
    TargetKind,
    TeamMembership,
)


def lock_people(org_id: UUID) -> None:
    """Let one change of members, teams and grants happen at a time: two admins must not remove each other. Holds until commit."""
    Organization.objects.select_for_update(no_key=True).only("id").get(id=org_id)


def organization_admins(org_id: UUID) -> set[UUID]:
    """People who are Organization Admin for good, by themselves or through a team. Call it inside org_scope."""
    grants = Grant.objects.for_org(org_id).filter(
        effect=Effect.ALLOW,
        role=Role.ORGANIZATION_ADMIN,
        scope=GrantScope.ORGANIZATION,
        target=TargetKind.EVERYTHING,
        expires_at=None,
    )
    held = list(grants.values_list("user_id", "team_id"))
    teams = TeamMembership.objects.for_org(org_id).filter(team_id__in=[team for _user, team in held if team])
    users = {user for user, _team in held if user} | set(teams.values_list("user_id", flat=True))
    members = Membership.objects.for_org(org_id).filter(user_id__in=users, is_active=True, user__is_active=True)
    return set(members.values_list("user_id", flat=True))


def require_an_admin(org_id: UUID) -> None:
    """Call it after the change, in its transaction: ConflictError, which takes the change back, when no Organization Admin is left."""
    if not organization_admins(org_id):
        raise ConflictError(
            "This would leave the organization without an Organization Admin. Make somebody else one first, without an end."
        )
