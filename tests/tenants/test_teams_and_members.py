"""Teams, and taking people out of an organization: at the services."""

import pytest

from tenants.audit.models import AuditEvent
from tenants.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from tenants.ids import uuid7
from tenants.models import CustomRole, Grant, Membership, Role, Team, TeamMembership
from tenants.people.members import remove_member
from tenants.people.teams import add_to_team, create_team, delete_team, remove_from_team, rename_team
from tenants.permissions import Permission
from tenants.scoping import org_scope
from tests.tenants.people import WIDE, access_of, deny, hold, make_team, of, of_team, person


def owner(cast):
    return access_of(cast, cast.owner)


def clerk(cast, *permissions):
    """A member who holds a custom role of the organization."""
    with org_scope(cast.org_id):
        role = CustomRole.objects.create_in(
            cast.org_id, name=f"r{uuid7().hex}", of_organization=True, permissions=["member:read", *permissions]
        )
    user = person(cast)
    hold(cast, of(user), scope=WIDE, custom_role_id=role.id)
    return access_of(cast, user)


def actions(cast):
    with org_scope(cast.org_id):
        return list(AuditEvent.objects.for_org(cast.org_id).order_by("id").values_list("action", flat=True))


def test_people_hold_what_their_team_holds_as_long_as_they_are_in_it(cast):
    new = person(cast)
    team = create_team(access=owner(cast), name="Data")
    hold(cast, of_team(team), role=Role.EDITOR)

    add_to_team(access=owner(cast), team_id=team.id, user_id=new.pk)
    inside = access_of(cast, new).at(cast.deployment.place)
    remove_from_team(access=owner(cast), team_id=team.id, user_id=new.pk)

    assert Permission.RUN_LAUNCH in inside.permissions
    assert not access_of(cast, new).may_enter(cast.deployment.place)
    assert actions(cast)[-4:] == ["team.create", "grant.create", "team.add_member", "team.remove_member"]


def test_adding_twice_changes_nothing(cast):
    team = make_team(cast)
    for _ in range(2):
        add_to_team(access=owner(cast), team_id=team.id, user_id=cast.viewer.pk)

    assert actions(cast).count("team.add_member") == 1


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\nb"])
def test_what_is_no_name_of_a_team_is_refused(cast, name):
    with pytest.raises(InvalidError):
        create_team(access=owner(cast), name=name)


def test_name_of_a_team_is_taken_whatever_its_case(cast):
    create_team(access=owner(cast), name="Data")
    other = create_team(access=owner(cast), name="Ops")

    with pytest.raises(ConflictError):
        create_team(access=owner(cast), name="data")
    with pytest.raises(ConflictError):
        rename_team(access=owner(cast), team_id=other.id, name="DATA")
    assert rename_team(access=owner(cast), team_id=other.id, name="OPS").name == "OPS"


def test_deleted_team_leaves_no_grant(cast):
    team = make_team(cast, cast.viewer)
    hold(cast, of_team(team), role=Role.EDITOR)

    delete_team(access=owner(cast), team_id=team.id)

    with org_scope(cast.org_id):
        assert not Grant.objects.for_org(cast.org_id).filter(team_id=team.id).exists()
        assert not TeamMembership.objects.for_org(cast.org_id).filter(team_id=team.id).exists()
    assert actions(cast)[-2:] == ["grant.revoke", "team.delete"]
    with pytest.raises(NotFoundError):
        delete_team(access=owner(cast), team_id=team.id)


def test_below_organization_admin_nobody_changes_teams(cast):
    admin = access_of(cast, person(cast, Role.ADMIN, scope=WIDE))
    team = make_team(cast)

    with pytest.raises(ForbiddenError):
        create_team(access=admin, name="Mine")
    with pytest.raises(ForbiddenError):
        add_to_team(access=admin, team_id=team.id, user_id=cast.viewer.pk)


def test_nobody_joins_a_team_that_holds_more_than_they_do(cast):
    team = make_team(cast)
    hold(cast, of_team(team), scope=WIDE, role=Role.ORGANIZATION_ADMIN)
    access = clerk(cast, "team:write", "member:write")

    with pytest.raises(ForbiddenError):
        add_to_team(access=access, team_id=team.id, user_id=access.actor.id)
    with pytest.raises(ForbiddenError):
        delete_team(access=access, team_id=team.id)


def test_who_is_denied_something_through_a_team_cannot_leave_it(cast):
    access = clerk(cast, "team:write")
    with org_scope(cast.org_id):
        team = Team.objects.create_in(cast.org_id, name="walled off")
        TeamMembership.objects.create_in(cast.org_id, team=team, user_id=access.actor.id)
    hold(cast, of_team(team), effect="deny")

    with pytest.raises(ForbiddenError):
        remove_from_team(access=access, team_id=team.id, user_id=access.actor.id)


def test_team_of_the_identity_provider_is_changed_there(cast):
    team = make_team(cast, cast.viewer, is_synced=True)

    for change in (
        lambda: rename_team(access=owner(cast), team_id=team.id, name="x"),
        lambda: delete_team(access=owner(cast), team_id=team.id),
        lambda: add_to_team(access=owner(cast), team_id=team.id, user_id=cast.editor.pk),
        lambda: remove_from_team(access=owner(cast), team_id=team.id, user_id=cast.viewer.pk),
    ):
        with pytest.raises(ConflictError, match="identity provider"):
            change()


def test_only_members_join_a_team(cast, outsider):
    team = make_team(cast)

    with pytest.raises(NotFoundError):
        add_to_team(access=owner(cast), team_id=team.id, user_id=outsider.owner.pk)
    with pytest.raises(NotFoundError):
        add_to_team(access=owner(outsider), team_id=team.id, user_id=outsider.owner.pk)


def test_removed_member_is_out_at_once_with_everything(cast):
    new = person(cast, Role.EDITOR)
    make_team(cast, new)
    program = cast.api(new)

    remove_member(access=owner(cast), user_id=new.pk)

    with pytest.raises(NotFoundError):
        access_of(cast, new)
    assert program.get(cast.api_path()).status_code in {401, 404}
    with org_scope(cast.org_id):
        assert not Grant.objects.for_org(cast.org_id).filter(user=new).exists()
        assert not TeamMembership.objects.for_org(cast.org_id).filter(user=new).exists()
        assert not Membership.objects.for_org(cast.org_id).filter(user=new).exists()
    assert actions(cast)[-2:] == ["grant.revoke", "member.remove"]
    with pytest.raises(NotFoundError):
        remove_member(access=owner(cast), user_id=new.pk)


def test_last_organization_admin_stays_whichever_way_they_would_go(cast):
    team = make_team(cast, cast.editor)
    hold(cast, of_team(team), scope=WIDE, role=Role.ORGANIZATION_ADMIN)
    remove_member(access=owner(cast), user_id=cast.owner.pk)
    last = access_of(cast, cast.editor)

    for way in (
        lambda: remove_member(access=last, user_id=cast.editor.pk),
        lambda: delete_team(access=last, team_id=team.id),
        lambda: remove_from_team(access=last, team_id=team.id, user_id=cast.editor.pk),
    ):
        with pytest.raises(ConflictError, match="without an Organization Admin"):
            way()


def test_member_write_alone_removes_no_organization_admin(cast):
    access = clerk(cast, "member:write")

    with pytest.raises(ForbiddenError):
        remove_member(access=access, user_id=cast.owner.pk)
    with pytest.raises(ForbiddenError):
        remove_member(access=access_of(cast, cast.editor), user_id=cast.viewer.pk)
    alone = person(cast)
    deny(cast, alone)
    remove_member(access=access, user_id=alone.pk)


def test_member_of_the_identity_provider_is_removed_there(cast):
    new = person(cast)
    with org_scope(cast.org_id):
        Membership.objects.for_org(cast.org_id).filter(user=new).update(is_synced=True)

    with pytest.raises(ConflictError, match="identity provider"):
        remove_member(access=owner(cast), user_id=new.pk)
