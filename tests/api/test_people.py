"""People over REST: what a caller may know of the grants of others, and why somebody may do what they may."""

import datetime

import pytest
from django.utils import timezone

from controlplane.deployments.services import create_deployment
from tenants.access import SYSTEM
from tenants.models import GrantScope, Role, TargetKind
from tests.callers import new_tenant, signed_in
from tests.tenants.people import deny, hold, make_team, of, of_team, person


@pytest.fixture
def alice():
    return new_tenant()


def get(alice, asker, path, /, **query):
    return signed_in(asker).get(f"{alice.path}{path}", query)


def found(alice, asker, path, /, **query):
    return get(alice, asker, path, **query).json()["results"]


def rights(alice, asker, user, **query):
    answer = get(alice, asker, f"members/{user.pk}/rights/", **query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def right(document, permission):
    return next(one for one in document["rights"] if one["permission"] == permission)


def test_every_right_names_all_its_sources(alice):
    cast = alice.cast
    user = person(cast, Role.VIEWER)
    team = make_team(cast, user)
    soon = timezone.now() + datetime.timedelta(hours=2)
    hold(cast, of_team(team), role=Role.EDITOR, expires_at=soon, reason="release")
    hold(cast, of(user), role=Role.LAUNCHER, target=TargetKind.LOCATION, target_value="etl")

    document = rights(alice, cast.owner, user, deployment="prod")

    assert right(document, "run:read")["held"] == "everywhere"
    assert [source["through_team"] for source in right(document, "run:read")["sources"]] == ["", team.name, ""]
    launch = right(document, "run:launch")["sources"]
    assert [(one["role"], one["target"], one["target_value"], one["reason"]) for one in launch] == [
        ("Editor", "everything", "", "release"),
        ("Launcher", "code_location", "etl", ""),
    ]
    assert launch[0]["expires_at"] is not None
    assert right(document, "deployment:grant") | {"description": ""} == {
        "permission": "deployment:grant",
        "description": "",
        "held": "no",
        "by_membership": False,
        "sources": [],
    }


def test_right_on_a_part_and_right_that_is_denied_are_told_apart(alice):
    cast = alice.cast
    part = person(cast, Role.VIEWER, target=TargetKind.GROUP, target_value="sales")
    walled = person(cast, Role.VIEWER)
    deny(cast, walled)

    assert right(rights(alice, cast.owner, part, deployment="prod"), "asset:read")["held"] == "on_parts"
    document = rights(alice, cast.owner, walled, deployment="prod")
    assert (document["is_hidden"], right(document, "asset:read")["held"]) == (True, "denied")
    assert [denial["target"] for denial in document["denials"]] == ["everything"]


def test_rights_over_the_organization_come_from_membership_and_grants(alice):
    document = rights(alice, alice.owner, alice.cast.viewer)

    assert right(document, "organization:read")["by_membership"]
    assert [one["role"] for one in right(document, "member:read")["sources"]] == ["Viewer"]
    assert right(document, "member:write")["held"] == "no"


def test_only_who_administers_a_place_looks_into_what_others_hold_there(alice):
    cast = alice.cast
    create_deployment(org_id=cast.org_id, name="staging", actor=SYSTEM)
    admin, user = person(cast, Role.ADMIN), person(cast, Role.VIEWER)

    assert rights(alice, admin, user, deployment="prod")
    assert get(alice, admin, f"members/{user.pk}/rights/", deployment="staging").status_code == 404
    assert get(alice, admin, f"members/{user.pk}/rights/").status_code == 403
    assert get(alice, cast.viewer, f"members/{user.pk}/rights/", deployment="prod").status_code == 403
    assert rights(alice, user, user, deployment="prod")
    assert rights(alice, user, user)


def test_what_is_hidden_from_a_person_is_named_to_them_nowhere(alice):
    cast = alice.cast
    walled = person(cast, Role.EDITOR)
    denial = deny(cast, walled, target=TargetKind.LOCATION, target_value="payroll")
    team = make_team(cast, walled)
    hold(cast, of_team(team), role=Role.ADMIN, target=TargetKind.LOCATION, target_value="payroll")

    for path in ("grants/", "members/", "teams/", f"members/{walled.pk}/", f"members/{walled.pk}/rights/"):
        for query in ({}, {"deployment": "prod"}):
            assert b"payroll" not in get(alice, walled, path, **query).content, path
    assert get(alice, walled, f"grants/{denial.id}/").status_code == 404
    assert signed_in(walled).delete(f"{alice.path}grants/{denial.id}/").status_code == 404
    assert b"payroll" in get(alice, cast.owner, f"members/{walled.pk}/").content


def test_grants_of_deployments_that_one_may_not_know_of_are_not_listed(alice):
    cast = alice.cast
    staging = create_deployment(org_id=cast.org_id, name="staging", actor=SYSTEM)
    user, other = person(cast, Role.VIEWER), person(cast)
    hold(cast, of(other), role=Role.VIEWER, scope=GrantScope.DEPLOYMENT, deployment_id=staging.id)
    hold(cast, of(other), role=Role.VIEWER)

    def places(asker):
        return [grant["deployment"] for grant in found(alice, asker, "grants/", user=str(other.pk))]

    assert places(user) == ["prod"]
    assert places(cast.owner) == ["staging", "prod"]


def test_grants_are_filtered_by_holder_and_say_whether_one_may_revoke_them(alice):
    cast = alice.cast
    admin, user = person(cast, Role.ADMIN), person(cast, Role.VIEWER)
    team = make_team(cast, user)
    hold(cast, of_team(team), role=Role.VIEWER, scope=GrantScope.ORGANIZATION)

    assert [one["may_revoke"] for one in found(alice, admin, "grants/", user=str(user.pk))] == [True]
    assert [one["may_revoke"] for one in found(alice, admin, "grants/", team=str(team.id))] == [False]
    assert get(alice, admin, "grants/", user="x").status_code == 400


def test_give_over_rest_names_the_deployment_and_refuses_two_holders(alice):
    user, team = person(alice.cast), make_team(alice.cast)
    body = {"role": "viewer", "scope": "deployment", "deployment": "prod"}

    both = alice.api.post(f"{alice.path}grants/", {**body, "user": str(user.pk), "team": str(team.id)})
    nowhere = alice.api.post(f"{alice.path}grants/", {**body, "user": str(user.pk), "deployment": "moon"})
    given = alice.api.post(f"{alice.path}grants/", {**body, "user": str(user.pk)})

    assert (both.status_code, both.json()["errors"][0]["attr"]) == (400, "user")
    assert (nowhere.status_code, nowhere.json()["errors"][0]["attr"]) == (400, "deployment")
    assert given.json()["holder"] == {"kind": "user", "id": str(user.pk), "name": user.email}
    assert alice.api.delete(f"{alice.path}grants/{given.json()['id']}/").status_code == 204


def test_admin_sees_the_invitations_they_sent_only(alice):
    admin = person(alice.cast, Role.ADMIN)
    for sender, email in ((admin, "b@acme.example"), (alice.owner, "a@acme.example")):
        client = signed_in(sender)
        client.post(f"{alice.path}invitations/", {"email": email}, content_type="application/json")

    assert [one["email"] for one in found(alice, admin, "invitations/")] == ["b@acme.example"]
    assert len(found(alice, alice.owner, "invitations/")) == 2


def test_roles_are_the_built_in_ones_in_order_and_then_the_custom_ones(alice):
    alice.api.post(f"{alice.path}roles/", {"name": "Aide", "permissions": ["run:read"]})

    listed = found(alice, alice.cast.viewer, "roles/")

    names = ["Viewer", "Launcher", "Editor", "Admin", "Organization Admin", "Aide"]
    assert [role["name"] for role in listed] == names
    assert (listed[0]["key"], listed[-1]["key"]) == ("viewer", None)
