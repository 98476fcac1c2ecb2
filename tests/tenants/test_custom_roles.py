"""Custom roles: what they may hold, and what changes for those who hold them."""

import pytest

from tenants.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from tenants.ids import uuid7
from tenants.models import CustomRole, Role
from tenants.people.invitations import invite
from tenants.people.roles import RoleTerms, change_role, create_role, delete_role, permissions_meant
from tenants.people.terms import GrantTerms
from tenants.people.vocabulary import DAGSTER_PLUS, ENTRIES, FOR_PEOPLE
from tenants.permissions import ROLE_PERMISSIONS, Permission
from tenants.scoping import org_scope
from tests.tenants.people import HERE, WIDE, access_of, hold, new_address, of, person


def owner(cast):
    return access_of(cast, cast.owner)


def terms(*permissions, **more):
    return RoleTerms(permissions=permissions, **({"name": f"role {uuid7().hex}"} | more))


def test_changed_role_gives_its_new_rights_at_the_next_request(cast):
    role = create_role(access=owner(cast), terms=terms("deployment:read", "run:read"))
    new = person(cast)
    hold(cast, of(new), custom_role_id=role.id)
    before = access_of(cast, new).at(cast.deployment.place).permissions

    change_role(access=owner(cast), role_id=role.id, terms=terms("deployment:read", "run:launch"))

    after = access_of(cast, new).at(cast.deployment.place).permissions
    assert Permission.RUN_READ in before - after
    assert Permission.RUN_LAUNCH in after - before


@pytest.mark.parametrize(
    ("wrong", "attr"),
    [
        (terms("run:read", name="Viewer"), "name"),
        (terms("run:read", name="organization_admin"), "name"),
        (terms("run:read", name=" "), "name"),
        (terms("run:read", name="x" * 101), "name"),
        (terms("run:read", description="x" * 501), "description"),
        (terms(), "permissions"),
        (terms("run:fly"), "permissions"),
        (terms("agent:work"), "permissions"),
        (terms("member:write"), "permissions"),
        (terms("EDIT_CUSTOM_ROLES"), "permissions"),
    ],
)
def test_role_that_makes_no_sense_is_refused(cast, wrong, attr):
    with pytest.raises(InvalidError) as refused:
        create_role(access=owner(cast), terms=wrong)

    assert refused.value.attr == attr


def test_nobody_puts_into_a_role_what_they_do_not_hold(cast):
    with org_scope(cast.org_id):
        editor_of_roles = CustomRole.objects.create_in(
            cast.org_id, name="roles", of_organization=True, permissions=["role:read", "role:write", "run:read"]
        )
    new = person(cast)
    hold(cast, of(new), scope=WIDE, custom_role_id=editor_of_roles.id)
    access = access_of(cast, new)

    create_role(access=access, terms=terms("run:read"))
    with pytest.raises(ForbiddenError, match="do not hold"):
        create_role(access=access, terms=terms("run:launch"))
    wider = terms("role:write", "member:write", of_organization=True)
    with pytest.raises(ForbiddenError):
        change_role(access=access, role_id=editor_of_roles.id, terms=wider)
    with pytest.raises(ForbiddenError):
        create_role(access=access_of(cast, person(cast, Role.ADMIN, scope=WIDE)), terms=terms("run:read"))


def test_nobody_takes_out_of_a_role_what_they_do_not_hold(cast):
    with org_scope(cast.org_id):
        editor_of_roles = CustomRole.objects.create_in(
            cast.org_id, name="roles", of_organization=True, permissions=["role:read", "role:write", "run:read"]
        )
    auditors = create_role(access=owner(cast), terms=terms("audit:read", "run:read", of_organization=True))
    new = person(cast)
    hold(cast, of(new), scope=WIDE, custom_role_id=editor_of_roles.id)

    with pytest.raises(ForbiddenError, match="audit:read"):
        change_role(access=access_of(cast, new), role_id=auditors.id, terms=terms("run:read", of_organization=True))


def test_role_that_is_held_or_promised_stays(cast):
    held, promised = (create_role(access=owner(cast), terms=terms("run:read")) for _ in range(2))
    hold(cast, of(person(cast)), custom_role_id=held.id)
    given = GrantTerms(scope=HERE, deployment_id=cast.deployment.id, custom_role_id=promised.id)
    invite(access=owner(cast), inviter_id=cast.owner.pk, email=new_address(), grants=[given])

    with pytest.raises(ConflictError, match="through 1 grant"):
        delete_role(access=owner(cast), role_id=held.id)
    with pytest.raises(ConflictError, match="invitation"):
        delete_role(access=owner(cast), role_id=promised.id)


def test_deleted_role_is_gone_and_its_name_free(cast):
    role = create_role(access=owner(cast), terms=terms("run:read", name="Keeper"))
    with pytest.raises(ConflictError):
        create_role(access=owner(cast), terms=terms("run:read", name="keeper"))

    delete_role(access=owner(cast), role_id=role.id)

    create_role(access=owner(cast), terms=terms("run:read", name="keeper"))
    with pytest.raises(NotFoundError):
        change_role(access=owner(cast), role_id=role.id, terms=terms("run:read"))


def test_role_granted_in_a_deployment_cannot_become_one_of_the_organization(cast):
    role = create_role(access=owner(cast), terms=terms("run:read"))
    hold(cast, of(person(cast)), custom_role_id=role.id)

    with pytest.raises(ConflictError, match="granted in deployments"):
        change_role(access=owner(cast), role_id=role.id, terms=terms("member:write", of_organization=True))


def test_names_of_dagster_plus_are_understood(cast):
    role = create_role(access=owner(cast), terms=terms("TOGGLE_SENSORS", "run:delete"))

    held = ROLE_PERMISSIONS[Role.VIEWER] | {Permission.SENSOR_WRITE, Permission.RUN_DELETE}
    assert set(role.permissions) == held
    assert len(DAGSTER_PLUS) == 34
    for name in DAGSTER_PLUS:
        assert permissions_meant([name]) == DAGSTER_PLUS[name] | ROLE_PERMISSIONS[Role.VIEWER]


def test_every_permission_is_put_in_words_once():
    assert sorted(entry.permission for entry in ENTRIES) == sorted(FOR_PEOPLE)
    assert all(entry.permission in ROLE_PERMISSIONS[entry.lowest] for entry in ENTRIES)


def test_role_of_another_organization_is_unknown(cast, outsider):
    role = create_role(access=owner(outsider), terms=terms("run:read"))

    with pytest.raises(NotFoundError):
        delete_role(access=owner(cast), role_id=role.id)
