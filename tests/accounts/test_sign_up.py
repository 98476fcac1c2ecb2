"""Who may sign up, and what it takes."""

import pytest

from tenants.accounts.adapter import invite
from tenants.models import User
from tests.accounts.browsers import Browser, link_in, mails_to, new_email
from tests.cast import PASSWORD


@pytest.fixture
def is_open(settings_of):
    settings_of(SIGN_UP="open")


def sign_up(browser, email, password=PASSWORD):
    return browser.post("/sign-up", email=email, password1=password)


def invited(email):
    """A browser in which somebody followed an invitation."""
    browser = Browser()
    browser.get("/sign-in")
    session = browser.client.session
    request = type("Request", (), {"session": session})()
    invite(request, email)
    session.save()
    browser.client.cookies["daggerboard_session"] = session.session_key
    return browser


def test_sign_up_needs_a_confirmed_address_and_then_offers_an_organization(is_open):
    browser, email = Browser(), new_email()

    assert sign_up(browser, email)["Location"] == "/account/email/sent"
    assert not browser.is_signed_in
    assert browser.sign_in(email)["Location"] == "/account/email/sent"
    link = link_in(mails_to(email)[0][1])
    assert "Is this your address?" in browser.get(link).content.decode()
    browser.post(link)
    browser.sign_in(email)

    assert "New organization" in browser.get("/").content.decode()


def test_organization_is_made_with_its_first_deployment(is_open, cast):
    browser = Browser()
    browser.sign_in(cast.owner.email)
    slug = f"lab-{cast.owner.email[6:14]}"

    assert browser.post("/account/organizations/new", name="The Lab", slug=slug)["Location"] == f"/{slug}"
    assert browser.get(f"/{slug}/prod/").status_code == 200
    again = browser.post("/account/organizations/new", name="The Lab", slug=slug)
    assert (again.status_code, "already an organization" in again.content.decode()) == (409, True)


def test_known_address_is_told_by_mail_only(is_open, cast):
    answer = sign_up(Browser(), cast.owner.email)

    assert (answer.status_code, answer["Location"]) == (302, "/account/email/sent")
    assert mails_to(cast.owner.email)[-1][0] == "You have a Daggerboard account already"


@pytest.mark.parametrize("policy", ["invited", "closed"])
def test_nobody_else_signs_up(settings_of, policy):
    settings_of(SIGN_UP=policy)
    browser, email = Browser(), new_email()

    assert "needs an invitation" in browser.get("/sign-up").content.decode()
    sign_up(browser, email)

    assert not User.objects.filter(email=email).exists()


def test_organizations_are_made_by_nobody_where_sign_up_is_not_open(cast):
    browser = Browser()
    browser.sign_in(cast.owner.email)

    assert browser.post("/account/organizations/new", name="Mine").status_code == 403


def test_invited_person_signs_up_with_the_invited_address_without_another_mail():
    email = new_email()
    browser = invited(email)

    assert "Your invitation is for" in sign_up(browser, new_email()).content.decode()
    assert sign_up(browser, email).status_code == 302
    assert browser.is_signed_in
    assert User.objects.get(email=email).emailaddress_set.get().verified


def test_weak_password_is_refused_in_words(is_open):
    assert "too common" in sign_up(Browser(), new_email(), "password12").content.decode()


def test_change_of_address_waits_for_the_new_one(cast):
    browser, email = Browser(), new_email()
    browser.sign_in(cast.owner.email)
    browser.confirm()

    browser.post("/account/email", email=email, action_add="")
    assert Browser().sign_in(email)["Location"] == "/account/email/sent"
    browser.post(link_in(mails_to(email)[-1][1]))

    assert Browser().sign_in(email)["Location"] == "/"
    assert Browser().sign_in(cast.owner.email).status_code == 200
    assert mails_to(cast.owner.email)[-1][0] == "Your e-mail address was changed"
