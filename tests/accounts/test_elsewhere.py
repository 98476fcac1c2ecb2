"""Signing in with an account elsewhere: no account is taken over by an address that somebody only says is theirs."""

from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount

from tenants.models import User
from tests.accounts.browsers import Browser, new_email
from tests.accounts.oidc_server import oidc_server
from tests.accounts.test_sign_up import invited


@pytest.fixture
def provider(settings_of):
    with oidc_server() as server:
        app = {
            "provider_id": "oidc",
            "name": "Example",
            "client_id": "daggerboard",
            "secret": "client-secret",
            "settings": {"server_url": server.url, "oauth_pkce_enabled": True},
        }
        settings_of(SOCIALACCOUNT_PROVIDERS={"openid_connect": {"APPS": [app], "OAUTH_PKCE_ENABLED": True}})
        yield server


def come_back(browser, *, code="good", state=None, process="login"):
    """Go to the provider, be somebody there, and come back."""
    there = browser.get("/account/oidc/oidc/login/", process=process)["Location"]
    query = parse_qs(urlsplit(there).query)
    return browser.get("/account/oidc/oidc/login/callback/", code=code, state=state or query["state"][0])


def says(provider, email, *, verified, sub=None):
    provider.person = {"sub": sub or f"sub-{email}", "email": email, "email_verified": verified}


def test_button_is_there_only_when_a_provider_is_configured(settings_of, provider):
    assert "Continue with Example" in Browser().get("/sign-in").content.decode()

    settings_of(SOCIALACCOUNT_PROVIDERS={})

    assert "Continue with" not in Browser().get("/sign-in").content.decode()


@pytest.mark.parametrize("path", ["google/login/", "github/login/callback/?code=x", "oidc/none/login/"])
def test_service_that_is_not_configured_is_not_there(path):
    assert Browser().get(f"/account/{path}").status_code == 404


def test_proved_address_on_both_sides_signs_in_and_connects(cast, provider):
    says(provider, cast.owner.email.upper(), verified=True, sub="alice")
    browser = Browser()

    answer = come_back(browser)

    assert (answer.status_code, browser.is_signed_in) == (302, True)
    assert SocialAccount.objects.get(user=cast.owner).uid == "alice"
    (asked,) = provider.asked
    assert (asked["client_id"], asked["client_secret"], "code_verifier" in asked) == (
        "daggerboard",
        "client-secret",
        True,
    )


@pytest.mark.parametrize(("theirs", "ours"), [(False, True), (True, False), (False, False)])
def test_address_that_one_side_has_not_proved_takes_nothing_over(cast, provider, theirs, ours):
    EmailAddress.objects.filter(user=cast.owner).update(verified=ours)
    says(provider, cast.owner.email, verified=theirs)
    browser = Browser()

    answer = come_back(browser)

    assert (answer.status_code, "not both sides have confirmed" in answer.content.decode()) == (403, True)
    assert not browser.is_signed_in
    assert not SocialAccount.objects.filter(user=cast.owner).exists()


def test_connected_account_signs_in_by_its_subject_whatever_address_it_has_now(cast, provider):
    says(provider, cast.owner.email, verified=True, sub="bob")
    come_back(Browser())
    says(provider, new_email(), verified=False, sub="bob")
    browser = Browser()

    come_back(browser)

    assert browser.get("/account").content.decode().count(cast.owner.email) > 0


def test_unknown_person_signs_up_only_where_that_is_open(settings_of, provider):
    email = new_email()
    says(provider, email, verified=True)

    assert "needs an invitation" in come_back(Browser()).content.decode()
    assert not User.objects.filter(email=email).exists()
    settings_of(SIGN_UP="open")
    come_back(Browser())

    assert User.objects.get(email=email).emailaddress_set.get().verified


def test_invited_person_comes_in_with_the_invited_address_only(provider):
    email = new_email()
    says(provider, new_email(), verified=True)
    assert "needs an invitation" in come_back(invited(email)).content.decode()

    says(provider, email, verified=True)
    browser = invited(email)
    come_back(browser)

    assert browser.is_signed_in


def test_wrong_state_and_refused_code_sign_nobody_in(cast, provider):
    says(provider, cast.owner.email, verified=True)

    for answer in (come_back(Browser(), state="made-up"), come_back(Browser(), code="bad")):
        assert answer.status_code == 401
        assert "did not sign you in" in answer.content.decode()


def test_answer_is_of_use_once(cast, provider):
    says(provider, cast.owner.email, verified=True)
    browser = Browser()
    there = browser.get("/account/oidc/oidc/login/", process="login")["Location"]
    state = parse_qs(urlsplit(there).query)["state"][0]
    browser.get("/account/oidc/oidc/login/callback/", code="good", state=state)
    browser.post("/sign-out")

    assert browser.get("/account/oidc/oidc/login/callback/", code="good", state=state).status_code == 401


def test_account_is_connected_and_disconnected_by_its_owner(cast, provider):
    says(provider, new_email(), verified=True, sub="carol")
    browser = Browser()
    browser.sign_in(cast.owner.email)
    browser.confirm()

    come_back(browser, process="connect")
    account = SocialAccount.objects.get(user=cast.owner)
    assert "Disconnect" in browser.get("/account/connections").content.decode()
    browser.post("/account/connections", account=account.pk)

    assert not SocialAccount.objects.filter(user=cast.owner).exists()
