"""SCIM as Okta and Microsoft Entra ID speak it: users, groups, filters, pages, refusals."""

import json
from typing import Any

import pytest

from tenants.ids import uuid7
from tenants.models import Team
from tenants.scoping import org_scope
from tests.cast import make_cast
from tests.tenants.scim_provider import ENTERPRISE, GROUP, USER, Provider, make_provider


@pytest.fixture
def idp(cast: Any) -> Provider:
    return make_provider(cast)


# ---- Okta


def test_okta_creates_finds_and_replaces_a_user(idp):
    """Okta asks for the user name, creates with a password of its own, and replaces the whole user with each change."""
    email = idp.email()
    found = idp.call("GET", "Users", filter=f'userName eq "{email}"', startIndex="1", count="100")
    made = idp.user(
        email, displayName="Ann Lee", locale="en-US", externalId="00ujl29u0le5T6Aj10h7", groups=[], password="1mz050nq"
    )
    again = idp.call("POST", "Users", {"schemas": [USER], "userName": email, "emails": made["emails"]})
    status, replaced = idp.call("PUT", f"Users/{made['id']}", {**made, "name": {"givenName": "Anna"}, "title": "Head"})

    assert (found[0], found[1]["totalResults"]) == (200, 0)
    assert (again[0], again[1]["scimType"], again[1]["status"]) == (409, "uniqueness", "409")
    assert (status, replaced["title"], replaced["name"]) == (200, "Head", {"givenName": "Anna"})
    assert idp.call("GET", "Users", filter=f'userName eq "{email.upper()}"')[1]["Resources"][0]["id"] == made["id"]
    row = idp.membership(made)
    assert (row.is_synced, row.external_id, row.user.email, row.user.has_usable_password()) == (
        True,
        "00ujl29u0le5T6Aj10h7",
        email,
        False,
    )
    assert "1mz050nq" not in json.dumps(row.scim)
    assert idp.actions() == ["member.provision", "member.update"]


def test_okta_deactivates_without_a_path(idp):
    made = idp.user()

    status, user = idp.patch(f"Users/{made['id']}", {"op": "replace", "value": {"active": False}})

    assert (status, user["active"]) == (200, False)
    assert not idp.membership(made).is_active
    assert idp.actions()[-1] == "member.deactivate"


def test_okta_pushes_a_group(idp):
    ann, ben = idp.user(), idp.user(idp.email("ben"))
    status, team = idp.call("POST", "Groups", {"schemas": [GROUP], "displayName": "Data", "members": []})
    path = f"Groups/{team['id']}"

    both = [{"value": ann["id"], "display": "ann"}, {"value": ben["id"], "display": "ben"}]
    added = idp.patch(path, {"op": "add", "path": "members", "value": both})
    removed = idp.patch(path, {"op": "remove", "path": f'members[value eq "{ann["id"]}"]'})
    renamed = idp.patch(path, {"op": "replace", "value": {"id": team["id"], "displayName": "Data platform"}})

    assert [status, added[0], removed[0], renamed[0]] == [201, 200, 200, 200]
    assert idp.people(team) == {ben["userName"]}
    assert renamed[1]["displayName"] == "Data platform"
    assert idp.call("GET", f"Users/{ben['id']}")[1]["groups"][0]["value"] == team["id"]
    with org_scope(idp.cast.org_id):
        assert Team.objects.for_org(idp.cast.org_id).get(id=team["id"]).is_synced


# ---- Microsoft Entra ID


def test_entra_creates_without_emails_and_with_its_extension(idp):
    email = idp.email()

    status, made = idp.call(
        "POST",
        "Users",
        {
            "schemas": [USER, ENTERPRISE],
            "externalId": "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef",
            "userName": email,
            "active": True,
            "meta": {"resourceType": "User"},
            "name": {"formatted": "Ann Lee"},
            "roles": [],
            ENTERPRISE: {"department": "Data"},
        },
    )

    assert (status, made["emails"][0]["value"], made[ENTERPRISE]["department"]) == (201, email, "Data")


def test_entra_patches_with_capitals_strings_and_filters(idp):
    made = idp.user()
    path = f"Users/{made['id']}"

    status, user = idp.patch(
        path,
        {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "+49 30 1234"},
        {"op": "Replace", "path": 'emails[type eq "work"].value', "value": idp.email("other")},
        {"op": "Replace", "path": "name.familyName", "value": "Li"},
        {"op": "Add", "path": f"{ENTERPRISE}:department", "value": "Ops"},
        {"op": "Replace", "path": "active", "value": "False"},
    )

    assert (status, user["active"], user["name"]["familyName"]) == (200, False, "Li")
    assert (user["phoneNumbers"], user[ENTERPRISE]) == (
        [{"type": "mobile", "value": "+49 30 1234"}],
        {"department": "Ops"},
    )
    # The account is the person's: the provider's own address of them is kept beside it.
    assert idp.membership(made).user.email == made["userName"]
    assert idp.patch(path, {"op": "Replace", "path": "active", "value": "True"})[1]["active"] is True


def test_entra_removes_members_by_value_and_reads_groups_without_them(idp):
    ann, ben = idp.user(), idp.user(idp.email("ben"))
    members = [{"value": ann["id"]}, {"value": ben["id"]}]
    team = idp.call("POST", "Groups", {"schemas": [GROUP], "displayName": "Data", "members": members})[1]

    idp.patch(f"Groups/{team['id']}", {"op": "Remove", "path": "members", "value": [{"value": ann["id"]}]})
    seen = idp.call("GET", "Groups", filter='displayName eq "data"', excludedAttributes="members")[1]

    assert idp.people(team) == {ben["userName"]}
    assert (seen["totalResults"], "members" in seen["Resources"][0]) == (1, False)


# ---- queries


def test_lists_are_filtered_sorted_paged_and_cut(idp):
    names = [idp.email(name) for name in ("cyd", "ann", "ben")]
    for name in names:
        idp.user(name, title="Head" if name.startswith("ann") else "Member")

    def listed(**query):
        return idp.call("GET", "Users", **query)[1]

    ours = listed(filter="title pr", sortBy="userName", attributes="userName")
    assert [user["userName"] for user in ours["Resources"]] == sorted(names)
    assert set(ours["Resources"][0]) == {"schemas", "id", "userName"}
    head = listed(filter=f'title eq "head" and (userName sw "ann" or emails.value co "{idp.domain}")')
    assert head["totalResults"] == 1
    second = listed(filter="title pr", sortBy="userName", sortOrder="descending", startIndex="2", count="1")
    assert (second["totalResults"], second["startIndex"], second["itemsPerPage"]) == (3, 2, 1)
    assert second["Resources"][0]["userName"] == sorted(names)[1]
    assert listed(count="0")["totalResults"] == 6
    assert listed(startIndex="6", count="5")["itemsPerPage"] == 1
    assert listed(filter='id eq "nonsense"')["totalResults"] == 0
    everything = idp.call("POST", ".search", {"filter": f'emails.value ew "{idp.domain}"'})[1]
    assert everything["totalResults"] == 3


@pytest.mark.parametrize(
    ("filter_", "kind"), [("userName xx 1", "invalidFilter"), ("nothing eq 1", "invalidFilter"), ("(", "invalidFilter")]
)
def test_bad_filter_is_named(idp, filter_, kind):
    status, error = idp.call("GET", "Users", filter=filter_)

    assert (status, error["scimType"], error["schemas"]) == (400, kind, ["urn:ietf:params:scim:api:messages:2.0:Error"])


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "invalidSyntax"),
        (b"[]", "invalidSyntax"),
        (b'{"userName": "a\\u0000b"}', "invalidSyntax"),
        (b'{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"]}', "invalidValue"),
        (b'{"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ann"}', "invalidValue"),
    ],
)
def test_bad_user_is_refused_in_scims_form(idp, body, kind):
    answer = idp.client.generic("POST", "/scim/v2/Users", body, content_type="application/scim+json")

    assert (answer.status_code, answer.json()["scimType"]) == (400, kind)
    assert answer["Content-Type"] == "application/scim+json"


def test_group_takes_members_of_the_organization_only(idp):
    other = make_provider(make_cast("outsider")).user()

    for value in (other["id"], str(uuid7()), "nonsense"):
        status, error = idp.call(
            "POST", "Groups", {"schemas": [GROUP], "displayName": "Data", "members": [{"value": value}]}
        )
        assert (status, error["scimType"]) == (400, "invalidValue")
    assert idp.call("GET", "Groups")[1]["totalResults"] == 0


def test_each_operation_has_its_line_in_the_audit_log(idp):
    user = idp.user()
    path = f"Users/{user['id']}"
    for change in ({"title": "Head"}, {"active": False}, {"active": True}, {"active": True}):
        idp.patch(path, {"op": "replace", "value": change})
    team = idp.call("POST", "Groups", {"schemas": [GROUP], "displayName": "Data", "members": [{"value": user["id"]}]})[
        1
    ]
    idp.patch(f"Groups/{team['id']}", {"op": "replace", "path": "displayName", "value": "Other"})
    idp.patch(f"Groups/{team['id']}", {"op": "remove", "path": "members"})
    idp.call("DELETE", f"Groups/{team['id']}")
    idp.call("DELETE", path)

    assert idp.actions() == [
        *("member.provision", "member.update", "member.deactivate", "member.activate"),
        *("team.provision", "team.set_members", "team.update", "team.set_members", "team.delete", "member.remove"),
    ]
