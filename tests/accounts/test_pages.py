"""Every page of an account answers, and says what it should to whom it should."""

import pytest

from tests.accounts.browsers import Browser

ENTRANCE = [
    ("/sign-in", "Sign in"),
    ("/sign-in/code", "Sign in by e-mail"),
    ("/account/password/reset", "Reset your password"),
    ("/account/password/reset/sent", "Look into your mailbox"),
    ("/account/password/reset/done", "Your password is changed"),
    ("/account/email/sent", "Look into your mailbox"),
    ("/account/email/confirm/nonsense", "This link no longer works"),
    ("/account/inactive", "This account is deactivated"),
    ("/account/connections/cancelled", "Cancelled"),
    ("/sign-in/link/x", "Sign in with this link"),
]
OWN = [
    ("/account", "Profile"),
    ("/account/email", "E-mail address"),
    ("/account/password", "Password"),
    ("/account/two-step", "Two-step sign-in"),
    ("/account/two-step/keys", "Security keys and passkeys"),
    ("/account/sessions", "Sessions"),
    ("/account/connections", "Connected accounts"),
    ("/sign-out", "Sign out?"),
    ("/account/reauthenticate", "Confirm that it is you"),
]
CONFIRMED = [
    ("/account/two-step/app", "Set up an authenticator app"),
    ("/account/two-step/keys/add", "Add a security key or passkey"),
]


@pytest.fixture(scope="module")
def owner():
    from tests.cast import make_cast

    browser = Browser()
    browser.sign_in(make_cast().owner.email)
    browser.confirm()
    return browser


@pytest.mark.parametrize(("path", "heading"), ENTRANCE)
def test_page_is_open_to_all(path, heading):
    answer = Browser().get(path)

    assert (answer.status_code, f"<h1>{heading}</h1>" in answer.content.decode()) == (200, True)


@pytest.mark.parametrize(("path", "heading"), OWN + CONFIRMED)
def test_page_of_ones_own(owner, path, heading):
    answer = owner.get(path)

    assert (answer.status_code, f"<h1>{heading}</h1>" in answer.content.decode()) == (200, True)


@pytest.mark.parametrize("path", [path for path, _heading in CONFIRMED])
def test_what_protects_an_account_changes_only_for_whoever_just_proved_who_they_are(cast, path):
    browser = Browser()
    browser.sign_in(cast.owner.email)

    answer = browser.get(path)

    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/account/reauthenticate")


def test_signing_out_ends_the_session(cast):
    browser = Browser()
    browser.sign_in(cast.owner.email)

    assert browser.post("/sign-out")["Location"] == "/sign-in"
    assert not browser.is_signed_in


def test_name_is_changed(cast):
    browser = Browser()
    browser.sign_in(cast.owner.email)

    browser.post("/account", name="  Ada Lovelace ")

    cast.owner.refresh_from_db()
    assert cast.owner.name == "Ada Lovelace"
    assert "at most 200" in browser.post("/account", name="x" * 201).content.decode()
