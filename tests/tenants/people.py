"""People of a test: members with grants, teams, and what they may do."""

import re
from typing import Any

from django.core.mail import EmailMessage

from tenants.access import SYSTEM, Access, Principal, enter_organization
from tenants.ids import uuid7
from tenants.models import Effect, Grant, GrantScope, Role, Team, TeamMembership, User
from tenants.people.grants import Holder, HolderKind, store_grant
from tenants.people.terms import GrantTerms
from tenants.scoping import org_scope
from tests.cast import Cast, make_member

WIDE, HERE = GrantScope.ORGANIZATION, GrantScope.DEPLOYMENT


def access_of(cast: Cast, user: User) -> Access:
    """What this person may do now."""
    return enter_organization(Principal(user=user), cast.org.slug)


def new_address() -> str:
    return f"p-{uuid7().hex}@acme.example"


def person(cast: Cast, role: Role | None = None, **terms: Any) -> User:
    """A member with one grant of their own: `role` in the cast's deployment unless the terms say otherwise."""
    user = make_member(cast.org, new_address())
    if role is not None:
        hold(cast, of(user), role=role, **terms)
    return user


def hold(cast: Cast, holder: Holder, **terms: Any) -> Grant:
    """Give without asking who may: in the cast's deployment unless the terms say otherwise."""
    place = {} if "scope" in terms else {"scope": HERE, "deployment_id": cast.deployment.id}
    return store_grant(org_id=cast.org_id, actor=SYSTEM, holder=holder, terms=GrantTerms(**(place | terms)))


def deny(cast: Cast, user: User, **terms: Any) -> Grant:
    return hold(cast, of(user), effect=Effect.DENY, **terms)


def of(user: User) -> Holder:
    return Holder(HolderKind.USER, user.pk)


def of_team(team: Team) -> Holder:
    return Holder(HolderKind.TEAM, team.id)


def make_team(cast: Cast, *people: User, **fields: Any) -> Team:
    """A team with these people in it."""
    with org_scope(cast.org_id):
        team = Team.objects.create_in(cast.org_id, **({"name": f"team {uuid7().hex}"} | fields))
        for user in people:
            TeamMembership.objects.create_in(cast.org_id, team=team, user=user)
    return team


def link_in(mail: EmailMessage) -> str:
    """The secret of the invitation that a mail carries."""
    found = re.search(r"/invite/(\S+)", str(mail.body))
    assert found is not None
    return found[1]
