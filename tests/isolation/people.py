"""One of everything about people that a route can name."""

from tenants.access import SYSTEM, Principal, enter_organization
from tenants.ids import uuid7
from tenants.models import GrantScope, Role
from tenants.people.grants import Holder, HolderKind, store_grant
from tenants.people.invitations import invite
from tenants.people.roles import RoleTerms, create_role
from tenants.people.teams import add_to_team, create_team
from tenants.people.terms import GrantTerms
from tests.cast import Cast, make_member

PARAMETERS = ("user_id", "team_id", "role_id", "grant_id", "invitation_id")


def people_of(cast: Cast) -> dict[str, str]:
    """A person with a grant and a team, a custom role that nobody holds, and somebody who is invited."""
    access = enter_organization(Principal(user=cast.owner), cast.org.slug)
    user = make_member(cast.org, f"named-{uuid7().hex}@acme.example")
    team = create_team(access=access, name=f"team {uuid7().hex}")
    add_to_team(access=access, team_id=team.id, user_id=user.pk)
    role = create_role(access=access, terms=RoleTerms(name=f"role {uuid7().hex}", permissions=("run:read",)))
    terms = GrantTerms(scope=GrantScope.DEPLOYMENT, deployment_id=cast.deployment.id, role=Role.VIEWER)
    grant = store_grant(org_id=cast.org_id, actor=SYSTEM, holder=Holder(HolderKind.USER, user.pk), terms=terms)
    invitation = invite(access=access, inviter_id=cast.owner.pk, email=f"new-{uuid7().hex}@acme.example")
    found = (user.pk, team.id, role.id, grant.id, invitation.id)
    return {name: str(value) for name, value in zip(PARAMETERS, found, strict=True)}
