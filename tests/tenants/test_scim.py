"""SCIM as Okta and Microsoft Entra ID speak it, what it may do to accounts, and what it must not show to another organization."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client, override_settings
from django.utils import timezone

from tenants.audit.models import AuditEvent
from tenants.ids import uuid7
from tenants.models import Grant, Membership, Organization, Role, Team, TeamMembership, TokenKind, User
from tenants.scim import http as scim_http
from tenants.scoping import org_scope
from tenants.services import add_member, create_user
from tenants.sso.models import SsoDomain
from tenants.token_services import issue_token
from tests.cast import make_cast
from tests.isolation.routes import Kind, of_kind

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@dataclass
class Provider:
    """The identity provider of one organization, which has verified the domain of its addresses."""

    cast: Any
    domain: str
    client: Client

    def call(self, method: str, path: str, document: Any = None, **query: str) -> tuple[int, Any]:
        answer = self.client.generic(
            method,
            f"/scim/v2/{path}",
            json.dumps(document) if document is not None else b"",
            content_type="application/scim+json",
            query_params=query,
        )
        return answer.status_code, json.loads(answer.content) if answer.content else None

    def email(self, name: str = "ann") -> str:
        return f"{name}-{uuid7().hex}@{self.domain}"

    def user(self, email: str | None = None, **fields: Any) -> Any:
        email = email or self.email()
        document = {
            "schemas": [USER],
            "userName": email,
            "name": {"givenName": "Ann", "familyName": "Lee"},
            "emails": [{"primary": True, "value": email, "type": "work"}],
            "active": True,
        }
        status, made = self.call("POST", "Users", {**document, **fields})
        assert status == 201, made
        return made

    def patch(self, path: str, *operations: dict[str, Any]) -> tuple[int, Any]:
        return self.call("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)})

    def membership(self, resource: Any) -> Membership:
        with org_scope(self.cast.org_id):
            return Membership.objects.for_org(self.cast.org_id).select_related("user").get(id=resource["id"])

    def people(self, team: Any) -> set[str]:
        with org_scope(self.cast.org_id):
            rows = TeamMembership.objects.for_org(self.cast.org_id).filter(team_id=team["id"])
            return set(rows.values_list("user__email", flat=True))

    def actions(self) -> list[str]:
        with org_scope(self.cast.org_id):
            rows = AuditEvent.objects.for_org(self.cast.org_id).filter(actor_label="idp").order_by("id")
            return list(rows.values_list("action", flat=True))


def make_provider(cast: Any) -> Provider:
    domain = f"d{uuid7().hex}.example"
    with org_scope(cast.org_id):
        SsoDomain.objects.create_in(cast.org_id, name=domain, token="x", verified_at=timezone.now())
    token = issue_token(org_id=cast.org_id, kind=TokenKind.SCIM, name="idp").text
    return Provider(cast, domain, Client(headers={"Authorization": f"Bearer {token}"}))


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


# ---- whose accounts


def test_unverified_domain_is_refused_unless_the_installation_allows_it(idp):
    email = f"eve-{uuid7().hex}@elsewhere.example"
    document = {"schemas": [USER], "userName": email, "emails": [{"value": email}]}

    status, error = idp.call("POST", "Users", document)
    assert (status, "elsewhere.example" in error["detail"]) == (400, True)
    assert not User.objects.filter(email=email).exists()
    with override_settings(SCIM_ANY_DOMAIN=True):
        assert idp.call("POST", "Users", document)[0] == 201


def test_account_that_exists_becomes_a_member_and_stays_as_it_is(idp, outsider):
    email = idp.email()
    account = create_user(email=email, password="correct horse battery", name="Ann of elsewhere")
    add_member(org_id=outsider.org_id, user=account, role=Role.VIEWER)

    made = idp.user(email, displayName="Somebody else", password="changed by the provider")
    idp.patch(f"Users/{made['id']}", {"op": "replace", "value": {"active": False, "displayName": "Third name"}})
    idp.call("DELETE", f"Users/{made['id']}")

    account.refresh_from_db()
    assert (account.name, account.email, account.is_active) == ("Ann of elsewhere", email, True)
    assert account.check_password("correct horse battery")
    assert outsider.signed_in(account).get(f"/{outsider.org.slug}/prod/").status_code == 200


def test_member_who_was_there_before_is_found_and_taken_over(idp):
    viewer = idp.cast.viewer
    found = idp.call("GET", "Users", filter=f'userName eq "{viewer.email}"')[1]["Resources"][0]

    status, user = idp.call("PUT", f"Users/{found['id']}", {**found, "externalId": "e1"})

    assert (status, user["externalId"], idp.membership(user).is_synced) == (200, "e1", True)
    with org_scope(idp.cast.org_id):
        assert Grant.objects.for_org(idp.cast.org_id).filter(user=viewer).count() == 1


# ---- the end of a membership


@pytest.mark.parametrize("how", ["deactivate", "delete"])
def test_sessions_and_tokens_of_who_is_taken_away_end_at_once(idp, how):
    cast = idp.cast
    token = issue_token(org_id=cast.org_id, kind=TokenKind.USER, name="own", user=cast.viewer)
    browser, api = cast.signed_in(cast.viewer), Client(headers={"Authorization": f"Bearer {token.text}"})
    page, runs = f"/{cast.org.slug}/prod/", cast.api_path("runs/")
    assert (browser.get(page).status_code, api.get(runs).status_code) == (200, 200)
    found = idp.call("GET", "Users", filter=f'userName eq "{cast.viewer.email}"')[1]["Resources"][0]

    if how == "delete":
        assert idp.call("DELETE", f"Users/{found['id']}") == (204, None)
        assert idp.call("GET", f"Users/{found['id']}")[0] == 404
    else:
        idp.patch(f"Users/{found['id']}", {"op": "replace", "path": "active", "value": False})

    assert browser.get(page).status_code == 404
    assert browser.get(f"/{cast.org.slug}/prod/live").status_code == 404
    assert api.get(runs).status_code in {401, 404}
    assert cast.signed_in(cast.editor).get(page).status_code == 200


def test_who_comes_back_has_their_grants_and_none_of_their_tokens(idp):
    cast = idp.cast
    token = issue_token(org_id=cast.org_id, kind=TokenKind.USER, name="own", user=cast.viewer)
    found = idp.call("GET", "Users", filter=f'userName eq "{cast.viewer.email}"')[1]["Resources"][0]
    for active in (False, True):
        idp.patch(f"Users/{found['id']}", {"op": "replace", "path": "active", "value": active})

    assert cast.signed_in(cast.viewer).get(f"/{cast.org.slug}/prod/").status_code == 200
    answer = Client(headers={"Authorization": f"Bearer {token.text}"}).get(cast.api_path("runs/"))
    assert answer.status_code == 401


# ---- who may ask


def test_ids_of_another_organization_are_not_found(idp):
    other = make_provider(make_cast("outsider"))
    user = other.user()
    team = other.call("POST", "Groups", {"schemas": [GROUP], "displayName": "Theirs"})[1]

    for path, document in ((f"Users/{user['id']}", user), (f"Groups/{team['id']}", team)):
        assert idp.call("GET", path)[0] == 404
        assert idp.call("PUT", path, document)[0] == 404
        assert idp.patch(path, {"op": "replace", "value": {"displayName": "Taken"}})[0] == 404
        assert idp.call("DELETE", path)[0] == 404
        assert other.call("GET", path)[0] == 200
    assert idp.call("GET", "Users", filter=f'userName eq "{user["userName"]}"')[1]["totalResults"] == 0
    assert idp.call("GET", "Users", filter=f'id eq "{user["id"]}"')[1]["totalResults"] == 0
    assert idp.call("GET", "Groups", filter='displayName eq "Theirs"')[1]["totalResults"] == 0
    # Names are taken within an organization only.
    assert idp.call("POST", "Groups", {"schemas": [GROUP], "displayName": "Theirs"})[0] == 201


@pytest.mark.parametrize("path", sorted({route.pattern for route, _method in of_kind(Kind.SCIM)}))
def test_only_scim_tokens_open_scim(cast, path):
    address = "/" + path.replace("<str:resource_id>", "x")
    browser = cast.signed_in()

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        assert browser.generic(method, address).status_code == 401
        for token in (cast.user_token, cast.agent_token):
            headers = {"Authorization": f"Bearer {token.text}"}
            assert Client(headers=headers).generic(method, address).status_code == 403


def test_scim_token_opens_nothing_else(idp):
    for path in (f"/api/v1/organizations/{idp.cast.org.slug}/", idp.cast.api_path("runs/")):
        assert idp.client.get(path).status_code == 403


def test_state_and_networks_of_the_organization_hold_here_too(idp):
    organization = Organization.objects.filter(id=idp.cast.org_id)

    def fresh():
        return make_provider(idp.cast)

    organization.update(state="read_only")
    reading = fresh()
    assert reading.call("GET", "Users")[0] == 200
    assert reading.call("POST", ".search", {})[0] == 200
    assert reading.call("DELETE", f"Users/{uuid7()}")[0] == 403
    organization.update(state="suspended")
    assert fresh().call("GET", "Users")[0] == 403
    organization.update(state="active", allowed_networks=["203.0.113.0/24"])
    assert fresh().call("GET", "Users")[0] == 403


def test_requests_of_one_organization_are_counted(idp, outsider):
    now = timezone.now()
    for minute in (now, now + timezone.timedelta(minutes=1)):
        cache.set(f"scim:{idp.cast.org_id}:{minute:%H%M}", scim_http.REQUESTS_PER_MINUTE, timeout=120)

    answer = idp.client.get("/scim/v2/Users")

    assert (answer.status_code, answer.json()["status"]) == (429, "429")
    assert 0 < int(answer["Retry-After"]) <= 60
    assert make_provider(outsider).call("GET", "Users")[0] == 200
