"""SCIM and accounts: whose they are, how a membership ends, and what another organization must not see."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client, override_settings
from django.utils import timezone

from tenants.access import Principal, enter_organization
from tenants.ids import uuid7
from tenants.models import Grant, GrantScope, Organization, Role, TokenKind, User
from tenants.people.invitations import invite, pending_invitations
from tenants.people.terms import GrantTerms
from tenants.scim import http as scim_http
from tenants.scoping import org_scope
from tenants.services import add_member, create_user
from tenants.token_services import issue_token
from tests.cast import make_cast, make_member
from tests.isolation.routes import Kind, of_kind
from tests.tenants.scim_provider import GROUP, USER, Provider, make_provider


@pytest.fixture
def idp(cast: Any) -> Provider:
    return make_provider(cast)


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


@pytest.mark.parametrize("how", ["deactivate", "delete"])
def test_invitations_of_who_is_taken_away_die_with_them(idp, how):
    """Or somebody who leaves would come back by another address."""
    cast = idp.cast
    leaver = make_member(cast.org, idp.email(), Role.ADMIN)
    access = enter_organization(Principal(user=leaver), cast.org.slug)
    promised = GrantTerms(scope=GrantScope.DEPLOYMENT, deployment_id=cast.deployment.id, role=Role.ADMIN)
    made = invite(access=access, inviter_id=leaver.pk, email=f"m-{uuid7().hex}@mail.example", grants=[promised])
    found = idp.call("GET", "Users", filter=f'userName eq "{leaver.email}"')[1]["Resources"][0]

    if how == "delete":
        idp.call("DELETE", f"Users/{found['id']}")
    else:
        idp.patch(f"Users/{found['id']}", {"op": "replace", "path": "active", "value": False})

    with org_scope(cast.org_id):
        assert not pending_invitations(cast.org_id).filter(id=made.id).exists()


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
