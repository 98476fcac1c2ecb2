"""Who may give what, and what a grant may say: at the services, with people of every standing."""

import datetime

import pytest
from django.utils import timezone

from controlplane.deployments.models import Deployment, DeploymentKind
from controlplane.deployments.services import create_deployment
from tenants.access import SYSTEM
from tenants.audit.models import AuditEvent
from tenants.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from tenants.ids import uuid7
from tenants.models import CustomRole, Effect, Grant, GrantScope, Role, TargetKind
from tenants.people.grants import grant, revoke_grant
from tenants.people.terms import GrantTerms, terms_of_json
from tenants.permissions import Permission
from tenants.scoping import org_scope
from tests.tenants.people import HERE, WIDE, access_of, deny, hold, make_team, of, of_team, person

BRANCHES = GrantScope.ALL_BRANCHES


def in_prod(cast, role=Role.VIEWER, **terms):
    return GrantTerms(scope=HERE, deployment_id=cast.deployment.id, role=role, **terms)


def make_branch(cast):
    with org_scope(cast.org_id):
        return Deployment.objects.create_in(
            cast.org_id, name=f"b{uuid7().hex}", kind=DeploymentKind.BRANCH, parent_id=cast.deployment.id
        )


def give(cast, giver, holder, terms):
    return grant(access=access_of(cast, giver), holder=of(holder), terms=terms)


def test_grant_gives_its_rights_where_it_says_and_is_audited(cast):
    new = person(cast)

    row = give(cast, cast.owner, new, in_prod(cast, Role.EDITOR))

    assert Permission.RUN_LAUNCH in access_of(cast, new).at(cast.deployment.place).permissions
    with org_scope(cast.org_id):
        event = AuditEvent.objects.for_org(cast.org_id).get(target_id=str(row.id))
    assert (event.action, event.actor_label) == ("grant.create", cast.owner.email)
    assert event.target_label == f"Editor in prod for {new.email}"
    assert event.deployment_id == cast.deployment.id


def test_revoked_grant_gives_nothing_at_once(cast):
    new = person(cast)
    row = give(cast, cast.owner, new, in_prod(cast))

    revoke_grant(access=access_of(cast, cast.owner), grant_id=row.id)

    assert not access_of(cast, new).may_enter(cast.deployment.place)
    with org_scope(cast.org_id):
        assert AuditEvent.objects.for_org(cast.org_id).filter(action="grant.revoke", target_id=str(row.id)).count() == 1
    with pytest.raises(NotFoundError):
        revoke_grant(access=access_of(cast, cast.owner), grant_id=row.id)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.LAUNCHER, Role.EDITOR])
def test_below_admin_nobody_gives_anything(cast, role):
    giver = person(cast, role)

    with pytest.raises(ForbiddenError, match="deployment:grant"):
        give(cast, giver, person(cast), in_prod(cast, Role.VIEWER))


def test_admin_of_a_deployment_gives_up_to_admin_there(cast):
    giver = person(cast, Role.ADMIN)

    for role in (Role.VIEWER, Role.EDITOR, Role.ADMIN):
        give(cast, giver, person(cast), in_prod(cast, role))


def test_admin_of_a_deployment_gives_nothing_elsewhere(cast):
    giver = person(cast, Role.ADMIN)
    other = create_deployment(org_id=cast.org_id, name="staging", actor=SYSTEM)
    elsewhere = (
        GrantTerms(scope=HERE, deployment_id=other.id, role=Role.VIEWER),
        GrantTerms(scope=WIDE, role=Role.VIEWER),
        GrantTerms(scope=BRANCHES, role=Role.VIEWER),
        GrantTerms(scope=GrantScope.BRANCHES_OF, deployment_id=cast.deployment.id, role=Role.VIEWER),
    )

    for terms in elsewhere:
        with pytest.raises(ForbiddenError):
            give(cast, giver, person(cast), terms)


def test_admin_everywhere_who_is_no_organization_admin_gives_in_deployments_only(cast):
    giver = person(cast, Role.ADMIN, scope=WIDE)

    give(cast, giver, person(cast), in_prod(cast, Role.ADMIN))
    give(cast, giver, person(cast), GrantTerms(scope=BRANCHES, role=Role.EDITOR))
    with pytest.raises(ForbiddenError, match="Organization Admins"):
        give(cast, giver, person(cast), GrantTerms(scope=WIDE, role=Role.VIEWER))


def test_nobody_gives_what_they_do_not_hold(cast):
    with org_scope(cast.org_id):
        keeper = CustomRole.objects.create_in(
            cast.org_id, name="keeper", permissions=["deployment:grant", "deployment:read", "member:read"]
        )
    giver = person(cast)
    hold(cast, of(giver), custom_role_id=keeper.id)

    give(cast, giver, person(cast), GrantTerms(scope=HERE, deployment_id=cast.deployment.id, custom_role_id=keeper.id))
    with pytest.raises(ForbiddenError, match="do not hold"):
        give(cast, giver, person(cast), in_prod(cast, Role.VIEWER))
    with pytest.raises(ForbiddenError, match="do not hold"):
        give(cast, giver, giver, in_prod(cast, Role.ADMIN))


def test_member_write_alone_makes_nobody_an_organization_admin(cast):
    with org_scope(cast.org_id):
        clerk = CustomRole.objects.create_in(
            cast.org_id, name="clerk", of_organization=True, permissions=["member:read", "member:write"]
        )
    giver = person(cast)
    terms = GrantTerms(scope=WIDE, custom_role_id=clerk.id)
    hold(cast, of(giver), scope=WIDE, custom_role_id=clerk.id)

    give(cast, giver, person(cast), terms)
    with pytest.raises(ForbiddenError):
        give(cast, giver, giver, GrantTerms(scope=WIDE, role=Role.ORGANIZATION_ADMIN))
    with org_scope(cast.org_id):
        of_owner = Grant.objects.for_org(cast.org_id).get(user=cast.owner)
    with pytest.raises(ForbiddenError):
        revoke_grant(access=access_of(cast, giver), grant_id=of_owner.id)


def test_admin_on_a_part_gives_nothing(cast):
    giver = person(cast, Role.ADMIN, target=TargetKind.LOCATION, target_value="etl")

    with pytest.raises(ForbiddenError):
        give(cast, giver, person(cast), in_prod(cast, target=TargetKind.LOCATION, target_value="etl"))


def test_who_has_something_hidden_cannot_lift_the_denial(cast):
    giver = person(cast, Role.ADMIN)
    denial = deny(cast, giver, target=TargetKind.GROUP, target_value="pay")

    with pytest.raises(ForbiddenError, match="only a part"):
        revoke_grant(access=access_of(cast, giver), grant_id=denial.id)
    with pytest.raises(ForbiddenError, match="only a part"):
        give(cast, giver, person(cast), in_prod(cast))
    revoke_grant(access=access_of(cast, cast.owner), grant_id=denial.id)


@pytest.mark.parametrize("scope", [BRANCHES, GrantScope.BRANCHES_OF])
def test_who_is_denied_one_branch_gives_nothing_in_all_of_them(cast, scope):
    giver = person(cast, Role.ADMIN, scope=BRANCHES)
    parent = cast.deployment.id if scope == GrantScope.BRANCHES_OF else None
    terms = GrantTerms(scope=scope, deployment_id=parent, role=Role.VIEWER)
    give(cast, giver, person(cast), terms)

    deny(cast, giver, scope=HERE, deployment_id=make_branch(cast).id)

    with pytest.raises(ForbiddenError):
        give(cast, giver, person(cast), terms)


def test_admin_denies_to_people_but_not_to_an_organization_admin(cast):
    giver, new = person(cast, Role.ADMIN), person(cast, Role.VIEWER)
    no = GrantTerms(scope=HERE, deployment_id=cast.deployment.id, effect=Effect.DENY)

    give(cast, giver, new, no)

    assert not access_of(cast, new).may_enter(cast.deployment.place)
    with pytest.raises(ForbiddenError, match="Organization Admin"):
        give(cast, giver, cast.owner, no)
    team = of_team(make_team(cast, cast.owner))
    with pytest.raises(ForbiddenError, match="Organization Admin"):
        grant(access=access_of(cast, giver), holder=team, terms=no)


def test_admin_changes_grants_of_a_team_only_where_they_are_admin(cast):
    giver, team = person(cast, Role.ADMIN), make_team(cast)
    other = create_deployment(org_id=cast.org_id, name="staging", actor=SYSTEM)
    holder = of_team(team)

    row = grant(access=access_of(cast, giver), holder=holder, terms=in_prod(cast, Role.EDITOR))
    elsewhere = GrantTerms(scope=HERE, deployment_id=other.id, role=Role.EDITOR)
    theirs = grant(access=access_of(cast, cast.owner), holder=holder, terms=elsewhere)

    revoke_grant(access=access_of(cast, giver), grant_id=row.id)
    with pytest.raises(ForbiddenError):
        revoke_grant(access=access_of(cast, giver), grant_id=theirs.id)
    with pytest.raises(ForbiddenError):
        grant(access=access_of(cast, giver), holder=holder, terms=elsewhere)


def test_last_organization_admin_cannot_be_taken_away(cast):
    with org_scope(cast.org_id):
        row = Grant.objects.for_org(cast.org_id).get(user=cast.owner)
    with pytest.raises(ConflictError, match="without an Organization Admin"):
        revoke_grant(access=access_of(cast, cast.owner), grant_id=row.id)

    soon = timezone.now() + datetime.timedelta(hours=2)
    admin = GrantTerms(scope=WIDE, role=Role.ORGANIZATION_ADMIN)
    give(cast, cast.owner, cast.editor, GrantTerms(scope=WIDE, role=admin.role, expires_at=soon, reason="holiday"))
    with pytest.raises(ConflictError):
        revoke_grant(access=access_of(cast, cast.owner), grant_id=row.id)

    give(cast, cast.owner, cast.editor, admin)
    revoke_grant(access=access_of(cast, cast.editor), grant_id=row.id)


@pytest.mark.parametrize(
    ("changes", "attr"),
    [
        ({"role": None}, "role"),
        ({"effect": Effect.DENY}, "role"),
        ({"custom_role_id": uuid7()}, "role"),
        ({"role": None, "custom_role_id": uuid7()}, "custom_role_id"),
        ({"deployment_id": None}, "deployment_id"),
        ({"deployment_id": uuid7()}, "deployment_id"),
        ({"scope": WIDE}, "deployment_id"),
        ({"role": Role.ORGANIZATION_ADMIN}, "scope"),
        ({"scope": WIDE, "deployment_id": None, "role": Role.ORGANIZATION_ADMIN, "target": TargetKind.OWNED}, "target"),
        ({"target": TargetKind.LOCATION}, "target_value"),
        ({"target": TargetKind.LOCATION, "target_value": "a\0b"}, "target_value"),
        ({"target": TargetKind.SELECTION, "target_value": "  "}, "target_value"),
        ({"target": TargetKind.SELECTION, "target_value": "key:orders+ and ("}, "target_value"),
        ({"target": TargetKind.TAG, "target_value": "=x"}, "target_value"),
        ({"target_value": "etl"}, "target_value"),
        ({"role": None, "effect": Effect.DENY, "target": TargetKind.OWNED}, "target"),
        ({"expires_at": timezone.now() + datetime.timedelta(hours=1)}, "reason"),
        ({"expires_at": timezone.now() - datetime.timedelta(hours=1), "reason": "x"}, "expires_at"),
        ({"reason": "x" * 501}, "reason"),
    ],
)
def test_terms_that_make_no_sense_are_refused_with_their_field(cast, changes, attr):
    plain = {"scope": HERE, "deployment_id": cast.deployment.id, "role": Role.VIEWER}

    with pytest.raises(InvalidError) as refused:
        give(cast, cast.owner, person(cast), GrantTerms(**(plain | changes)))

    assert refused.value.attr == attr


def test_branches_of_a_branch_make_no_sense(cast):
    terms = GrantTerms(scope=GrantScope.BRANCHES_OF, deployment_id=make_branch(cast).id, role=Role.VIEWER)

    with pytest.raises(InvalidError):
        give(cast, cast.owner, person(cast), terms)


def test_what_belongs_to_another_organization_is_unknown_here(cast, outsider):
    with pytest.raises(InvalidError, match="no such deployment"):
        give(cast, cast.owner, cast.editor, in_prod(outsider))
    with pytest.raises(InvalidError, match="no such member"):
        give(cast, cast.owner, outsider.editor, in_prod(cast))
    row = give(outsider, outsider.owner, person(outsider), in_prod(outsider))
    with pytest.raises(NotFoundError):
        revoke_grant(access=access_of(cast, cast.owner), grant_id=row.id)


def test_same_grant_twice_is_a_conflict_unless_it_lasts_longer(cast):
    new = person(cast)
    hours = [timezone.now() + datetime.timedelta(hours=number) for number in (1, 2)]

    give(cast, cast.owner, new, in_prod(cast, expires_at=hours[0], reason="a look"))
    give(cast, cast.owner, new, in_prod(cast, expires_at=hours[1], reason="a longer look"))
    with pytest.raises(ConflictError):
        give(cast, cast.owner, new, in_prod(cast, expires_at=hours[0], reason="again"))
    give(cast, cast.owner, new, in_prod(cast))
    with pytest.raises(ConflictError):
        give(cast, cast.owner, new, in_prod(cast))


def test_terms_survive_being_stored(cast):
    terms = in_prod(
        cast,
        target=TargetKind.TAG,
        target_value="team=core",
        expires_at=timezone.now() + datetime.timedelta(hours=1),
        reason="audit",
    )

    assert terms_of_json(terms.as_json()) == terms
    assert terms_of_json(GrantTerms(scope=WIDE).as_json()) == GrantTerms(scope=WIDE)
