"""An organization with people of every kind: to look at the pages about them."""

import datetime
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone

from tenants.models import Effect, GrantScope, Role, TargetKind, Team, User
from tenants.people.invitations import invite
from tenants.people.roles import RoleTerms, create_role
from tenants.people.teams import add_to_team, create_team
from tenants.people.terms import GrantTerms
from tests.cast import Cast, make_cast, make_member
from tests.tenants.people import access_of, hold, new_address, of, of_team

_LONG = "a-very-long-name-that-somebody-gave-to-a-team-because-nobody-stopped-them-and-it-has-no-space-in-it"


@dataclass(frozen=True)
class People:
    """The cast, somebody with grants and denials of every kind, a team, and an admin of one deployment only."""

    cast: Cast
    busy: User
    team: Team
    admin: User
    role_id: UUID


def make_people() -> People:
    cast = make_cast("people")
    owner = access_of(cast, cast.owner)
    busy = make_member(cast.org, new_address())
    User.objects.filter(pk=busy.pk).update(name="Ada <b>Lovelace</b>")
    team = create_team(access=owner, name="Data platform")
    create_team(access=owner, name=_LONG)
    for user in (busy, cast.editor):
        add_to_team(access=owner, team_id=team.id, user_id=user.pk)
    keeper = RoleTerms("On call", ("deployment:read", "run:read", "run:cancel"), "Nights and weekends")
    role = create_role(access=owner, terms=keeper)
    create_role(access=owner, terms=RoleTerms("Auditor", ("audit:read", "member:read"), of_organization=True))
    hold(cast, of_team(team), role=Role.EDITOR)
    hold(cast, of(busy), custom_role_id=role.id)
    soon = timezone.now() + datetime.timedelta(hours=2)
    hold(cast, of(busy), role=Role.ADMIN, expires_at=soon, reason="Incident 42: the warehouse is down")
    hold(cast, of(busy), effect=Effect.DENY, target=TargetKind.GROUP, target_value="payroll")
    hold(cast, of(busy), scope=GrantScope.ALL_BRANCHES, role=Role.VIEWER, target=TargetKind.TAG, target_value="team=x")
    admin = make_member(cast.org, new_address())
    hold(cast, of(admin), role=Role.ADMIN)
    given = GrantTerms(scope=GrantScope.DEPLOYMENT, deployment_id=cast.deployment.id, role=Role.EDITOR)
    for grants in ([given], []):
        invite(access=owner, inviter_id=cast.owner.pk, email=new_address(), grants=grants, teams=[team.id])
    return People(cast, busy, team, admin, role.id)
