"""Accounts in a real browser: two steps by keyboard, a security key, sessions."""

import re

import pytest
from playwright.sync_api import expect

from tests.accounts.totp import code
from tests.cast import PASSWORD, make_cast
from tests.ui.chromium import beside, ready
from tests.ui.soundness import problems


@pytest.fixture
def cast():
    return beside(make_cast)


def sign_in(page, address, email, *, path="/account"):
    page.goto(f"{address}/sign-in?next={path}")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def confirm(page):
    """Prove once more who this is, where that is asked."""
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()


def test_two_steps_by_keyboard_alone(visit, cast):
    page = visit.blank()
    sign_in(page, visit.address, cast.owner.email, path="/account/two-step")
    press_until(page, "Set up an app")
    confirm(page)
    secret = page.locator("#totp-secret").inner_text()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    page.get_by_label("Code of the app").fill(code(secret))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    recovery = page.locator("#recovery-codes").inner_text().split()[0]
    press_until(page, "I have kept them")
    page.get_by_text("Signed in").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    sign_in(page, visit.address, cast.owner.email)
    expect(page.get_by_role("heading", name="Second step")).to_be_visible()
    page.get_by_label("Code of your authenticator app").fill(recovery)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Profile")).to_be_visible()


def test_sign_in_page_by_keyboard(visit, cast):
    page = visit.blank()
    page.goto(f"{visit.address}/sign-in?next=/account")
    page.get_by_label("E-mail address").focus()
    page.keyboard.type(cast.owner.email)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Profile")).to_be_visible()


def test_security_key_is_added_and_signs_in_alone(visit, cast):
    page = visit.blank()
    with_authenticator(page)
    # The address of the server: a key belongs to a host, and an IP address is none.
    address = visit.address.replace("127.0.0.1", "localhost")
    sign_in(page, address, cast.owner.email, path="/account/two-step")
    page.get_by_role("link", name="Add a key").click()
    confirm(page)
    page.get_by_label("Name of the key").fill("My laptop")
    page.get_by_label("Also sign in with this key alone").check()
    page.get_by_role("button", name="Add the key").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("My laptop")).to_be_visible()

    page.context.clear_cookies()
    sign_in(page, address, cast.owner.email)
    page.get_by_role("button", name="Use a security key").click()
    expect(page.get_by_role("heading", name="Profile")).to_be_visible()
    page.context.clear_cookies()
    page.goto(f"{address}/sign-in")
    page.get_by_role("button", name="Use a passkey").click()

    expect(page).to_have_url(re.compile(r"/prod/"))


def test_key_that_is_not_there_is_explained(visit):
    page = visit.blank()
    with_authenticator(page)
    page.goto(f"{visit.address.replace('127.0.0.1', 'localhost')}/sign-in")

    page.get_by_role("button", name="Use a passkey").click()

    expect(page.get_by_role("alert")).to_contain_text("No key was used", timeout=100_000)


def test_other_session_is_revoked(visit, cast, browser):
    there = browser.new_context()
    other = there.new_page()
    sign_in(other, visit.address, cast.owner.email)
    expect(other.get_by_role("heading", name="Profile")).to_be_visible()
    page = visit.blank()
    sign_in(page, visit.address, cast.owner.email, path="/account/sessions")
    expect(page.get_by_text("This one")).to_be_visible()

    page.get_by_role("button", name=re.compile("Sign out Chrome on Linux")).click()
    expect(page.get_by_text("The session has ended.")).to_be_visible()

    other.reload()
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    there.close()


def with_authenticator(page):
    """A security key inside the browser, which confirms by itself."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def press_until(page, name):
    """Reach a link by the Tab key and follow it."""
    expect(page.get_by_role("link", name=name)).to_be_visible()
    ready(page)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement?.textContent?.trim()") == name:
            page.keyboard.press("Enter")
            return
    pytest.fail(f"The Tab key does not reach {name}.")


@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_and_nothing_overflows(visit, cast, width):
    page = visit.blank()
    page.set_viewport_size({"width": width, "height": 900})
    found = {path: found_on(page, visit.address, path) for path in ENTRANCE}
    sign_in(page, visit.address, cast.owner.email, path="/account/two-step/app")
    confirm(page)
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    found |= {path: found_on(page, visit.address, path) for path in OWN}

    assert {path: said for path, said in found.items() if said} == {}


ENTRANCE = ("/sign-in", "/sign-up", "/sign-in/code", "/account/password/reset", "/account/email/confirm/x")
OWN = (
    "/account",
    "/account/email",
    "/account/password",
    "/account/two-step",
    "/account/two-step/app",
    "/account/two-step/keys/add",
    "/account/sessions",
    "/account/connections",
    "/account/reauthenticate",
)


def found_on(page, address, path):
    page.goto(f"{address}{path}")
    return problems(page)
