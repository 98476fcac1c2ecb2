"""A member links an identity to the account they are signed in to, and an admin tries a connection without anybody being signed in."""

import re
import uuid
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from tenants.models import Role, User
from tenants.scoping import org_scope
from tenants.sso import selectors
from tests.cast import make_cast, make_member
from tests.tenants.sso.lying_provider import lying_provider
from tests.tenants.sso.test_oidc import make_oidc, sign_in, signed_in_as


@pytest.fixture
def provider():
    with lying_provider() as started:
        yield started


@pytest.fixture
def sso(provider):
    return make_oidc(provider)


def consultant(sso):
    return make_member(sso.cast.org, f"c-{uuid.uuid4().hex}@consulting.example", Role.VIEWER)


def link(browser, sso, provider, **claims):
    page = browser.post(f"/account/sso/{sso.key}/link/").content.decode()
    address = unescape(re.search(rf'href="({provider.issuer}[^"]*)"', page)[1])
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    provider.claims = {"nonce": asked["nonce"]} | claims
    return asked, lambda client: client.get(
        f"/account/sso/{sso.key}/callback/", {"code": "c", "state": asked["state"]}, follow=True
    )


def linked(sso):
    with org_scope(sso.cast.org_id):
        return [known.user for known in selectors.identities(sso.cast.org_id, sso.connection.id)]


def test_member_of_another_domain_links_and_signs_in_from_then_on(sso, provider):
    user = consultant(sso)
    browser, fresh = sso.cast.signed_in(user), Client()

    _asked, come_back = link(browser, sso, provider, sub="me", email="me@elsewhere.example")
    come_back(browser)
    sign_in(fresh, sso, provider, sub="me", email="me@elsewhere.example")

    assert linked(sso) == [user]
    assert signed_in_as(fresh) == user


def test_link_is_made_for_who_began_and_nobody_else(sso, provider):
    """Somebody else signs in to the same browser before the provider answers."""
    user, other = consultant(sso), consultant(sso)
    browser = sso.cast.signed_in(user)
    _asked, come_back = link(browser, sso, provider, sub="me", email="")
    state = dict(browser.session)["socialaccount_states"]
    second = sso.cast.signed_in(other)
    session = second.session
    session["socialaccount_states"] = state
    session.save()

    answer = come_back(second)

    assert (answer.status_code, linked(sso)) == (404, [])


def test_identity_of_one_person_cannot_be_linked_to_another(sso, provider):
    first, second = consultant(sso), consultant(sso)
    for user in (first, second):
        browser = sso.cast.signed_in(user)
        _asked, come_back = link(browser, sso, provider, sub="me", email="")
        answer = come_back(browser)

    assert (answer.status_code, linked(sso)) == (409, [first])


def test_outsiders_and_the_anonymous_link_nothing(sso):
    outsider = make_cast("outsider").signed_in()

    for browser in (outsider, Client()):
        assert browser.post(f"/account/sso/{sso.key}/link/").status_code == 404


# ---- test sign-in


def tried(sso, provider, browser, **claims):
    page = browser.get(f"/{sso.cast.org.slug}/settings/sso/connections/{sso.connection.id}/test")
    answer = browser.get(page["Location"])
    asked = {name: values[0] for name, values in parse_qs(urlsplit(answer["Location"]).query).items()}
    provider.claims = {"nonce": asked["nonce"], "sub": "s", "email": sso.email("ann")} | claims
    return browser.get(
        f"/account/sso/{sso.key}/callback/", {"code": "c", "state": asked["state"]}, follow=True
    ).content.decode()


def test_test_sign_in_shows_what_came_and_signs_nobody_in(sso, provider):
    sso.change(is_enabled=False)
    browser = sso.cast.signed_in()

    page = tried(sso, provider, browser, department="Ballast")

    assert "a new account for" in page
    assert "Ballast" in page
    assert signed_in_as(browser) == sso.cast.owner
    assert not User.objects.filter(email=sso.email("ann")).exists()
    assert (sso.fresh().tested_at is not None, sso.fresh().test_error) == (True, "")


def test_test_sign_in_that_fails_says_why(sso, provider):
    browser = sso.cast.signed_in()

    page = tried(sso, provider, browser, aud="other")

    assert "The test failed" in page
    assert "not valid" in sso.fresh().test_error


def test_test_sign_in_says_who_would_be_refused(sso, provider):
    page = tried(sso, provider, sso.cast.signed_in(), email="boss@elsewhere.example")

    assert "Would be refused" in page


def test_provider_that_cannot_be_reached_is_a_failed_test(sso):
    sso.change(issuer="http://127.0.0.1:1")
    browser = sso.cast.signed_in()

    page = browser.get(f"/{sso.cast.org.slug}/settings/sso/connections/{sso.connection.id}/test", follow=True)

    assert "The test failed" in page.content.decode()
    assert sso.fresh().test_error


def test_only_who_may_set_it_up_can_test_it(sso, provider):
    outsider = make_cast("outsider").signed_in()

    statuses = [
        browser.get(f"/account/sso/{sso.key}/test/").status_code
        for browser in (Client(), outsider, sso.cast.signed_in(sso.cast.viewer))
    ]

    assert statuses == [404, 404, 403]


def test_result_leads_to_no_other_site(sso):
    sso.change(issuer="http://127.0.0.1:1")

    answer = sso.cast.signed_in().get(f"/account/sso/{sso.key}/test/", {"next": "https://evil.example/"})

    assert answer["Location"] == "/"


def test_form_with_a_mistake_keeps_what_was_typed(sso):
    page = sso.cast.signed_in().post(
        f"/{sso.cast.org.slug}/settings/sso/connections/{sso.connection.id}",
        {"name": "Okta", "issuer": "acme.okta.com", "client_id": "typed-id"},
    )

    assert page.status_code == 400
    assert "typed-id" in page.content.decode()
    assert sso.fresh().client_id != "typed-id"
