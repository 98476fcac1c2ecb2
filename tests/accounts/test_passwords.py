"""Signing in with a password, resetting and changing it."""

import pytest

from tests.accounts.browsers import Browser, link_in, mails_to, new_email
from tests.cast import PASSWORD, make_cast

ANOTHER = "battery staple horse"


def test_password_signs_in(cast):
    browser = Browser()

    answer = browser.sign_in(cast.owner.email.upper(), next=f"/{cast.org.slug}/prod/runs")

    assert (answer.status_code, answer["Location"]) == (302, f"/{cast.org.slug}/prod/runs")
    assert browser.is_signed_in


def test_address_elsewhere_is_not_followed(cast):
    assert Browser().sign_in(cast.owner.email, next="https://evil.example/")["Location"] == "/"


@pytest.mark.parametrize("known", [True, False])
def test_wrong_password_and_unknown_account_get_the_same_page(cast, known):
    answers = [Browser().sign_in(email, "wrong password") for email in (cast.owner.email, new_email())]

    bodies = [_without_what_differs(answer.content.decode()) for answer in answers]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert bodies[0] == bodies[1]
    assert "do not go together" in bodies[0]


def test_deactivated_account_does_not_sign_in_nor_stay_signed_in(cast):
    browser = Browser()
    browser.sign_in(cast.owner.email)
    cast.owner.is_active = False
    cast.owner.save()

    assert not browser.is_signed_in
    assert Browser().sign_in(cast.owner.email)["Location"] == "/account/inactive"
    assert cast.api().get("/api/v1/organizations/").status_code == 401


def test_reset_by_mail_changes_the_password_and_ends_sessions(cast):
    old = Browser()
    old.sign_in(cast.owner.email)
    browser = Browser()

    browser.post("/account/password/reset", email=cast.owner.email)
    link = link_in(mails_to(cast.owner.email)[-1][1])
    form = browser.get(link)["Location"]
    done = browser.post(form, password1=ANOTHER, password2=ANOTHER)

    assert done["Location"] == "/account/password/reset/done"
    assert not old.is_signed_in
    assert Browser().sign_in(cast.owner.email, PASSWORD).status_code == 200
    assert Browser().sign_in(cast.owner.email, ANOTHER).status_code == 302
    assert "no longer works" in Browser().get(link).content.decode()


def test_reset_answers_the_same_for_unknown_accounts_and_mails_both(cast):
    email = new_email()
    answers = [Browser().post("/account/password/reset", email=known) for known in (cast.owner.email, email)]

    assert [(a.status_code, a["Location"]) for a in answers] == [(302, "/account/password/reset/sent")] * 2
    assert "There is no account" in mails_to(email)[0][1]


def test_link_in_a_mail_leads_to_us_whatever_host_was_asked(cast):
    browser = Browser()

    browser.client.post("/account/password/reset", {"email": cast.owner.email}, HTTP_HOST="127.0.0.1")

    assert "http://testserver/account/password/reset/" in mails_to(cast.owner.email)[-1][1]


def test_change_signs_out_every_other_browser(cast):
    here, there = Browser(), Browser()
    for browser in (here, there):
        browser.sign_in(cast.owner.email)

    here.post("/account/password", oldpassword=PASSWORD, password1=ANOTHER, password2=ANOTHER)

    assert here.is_signed_in
    assert not there.is_signed_in
    assert "password" in mails_to(cast.owner.email)[-1][0].lower()


@pytest.mark.parametrize(
    ("old", "new", "again", "says"),
    [
        ("wrong password", ANOTHER, ANOTHER, "not your current password"),
        (PASSWORD, "short", "short", "too short"),
        (PASSWORD, ANOTHER, "different words here", "each time"),
    ],
)
def test_change_is_refused_in_words(cast, old, new, again, says):
    browser = Browser()
    browser.sign_in(cast.owner.email)

    answer = browser.post("/account/password", oldpassword=old, password1=new, password2=again)

    assert says in answer.content.decode()
    assert Browser().sign_in(cast.owner.email, PASSWORD).status_code == 302


def test_person_without_password_sets_one():
    cast = make_cast()
    browser = Browser(client=cast.signed_in(cast.editor))

    assert browser.get("/account/password")["Location"] == "/account/password/set"
    browser.post("/account/password/set", password1=ANOTHER, password2=ANOTHER)

    cast.editor.refresh_from_db()
    assert cast.editor.check_password(ANOTHER)


def _without_what_differs(page):
    import re

    page = re.sub(r'value="[^"]*"', "", page)
    return re.sub(r'"X-CSRFToken": "\w+"', "", page)
