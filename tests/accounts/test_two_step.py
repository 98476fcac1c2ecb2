"""A second step: set up, asked for, wrong, recovered, removed."""

import re
import time

import pytest
from allauth.mfa.models import Authenticator

from tenants.services import issue_sign_in_link
from tests.accounts.browsers import Browser, mails_to
from tests.accounts.totp import code
from tests.cast import PASSWORD


@pytest.fixture
def protected(cast):
    """The owner's browser and the secret of the app that was set up in it."""
    browser = Browser()
    browser.sign_in(cast.owner.email)
    browser.confirm()
    return browser, set_up(browser)


def set_up(browser):
    page = browser.get("/account/two-step/app").content.decode()
    (secret,) = re.findall(r'id="totp-secret">([A-Z2-7]+)<', page)
    assert browser.post("/account/two-step/app", code=code(secret))["Location"] == "/account/two-step/recovery-codes"
    return secret


def next_code(secret):
    """A code works once: the one of the next step is within tolerance."""
    return code(secret, at=time.time() + 30)


def recovery_codes(browser):
    page = browser.get("/account/two-step/recovery-codes").content.decode()
    (block,) = re.findall(r'id="recovery-codes">([^<]+)<', page)
    return block.split()


def test_password_alone_no_longer_signs_in(cast, protected):
    browser = Browser()

    assert browser.sign_in(cast.owner.email, next="/account")["Location"] == "/sign-in/two-step"
    assert not browser.is_signed_in
    assert browser.post("/sign-in/two-step", code=next_code(protected[1]))["Location"] == "/account"
    assert browser.is_signed_in


def test_wrong_code_is_refused_and_a_code_works_once(cast, protected):
    browser = Browser()
    browser.sign_in(cast.owner.email)

    assert "That is not the code" in browser.post("/sign-in/two-step", code="000000").content.decode()
    used = next_code(protected[1])
    browser.post("/sign-in/two-step", code=used)
    again = Browser()
    again.sign_in(cast.owner.email)

    assert again.post("/sign-in/two-step", code=used).status_code == 200
    assert not again.is_signed_in


def test_link_asks_for_the_second_step_too(cast, protected):
    browser = Browser()

    assert browser.post(f"/sign-in/link/{issue_sign_in_link(user=cast.owner)}")["Location"] == "/sign-in/two-step"
    assert not browser.is_signed_in


def test_recovery_codes_are_shown_once_and_work_once(cast, protected):
    browser, _secret = protected
    codes = recovery_codes(browser)

    assert len(codes) == 10
    assert codes[0] not in browser.get("/account/two-step/recovery-codes").content.decode()
    for outcome in (302, 200):
        other = Browser()
        other.sign_in(cast.owner.email)
        assert other.post("/sign-in/two-step", code=codes[0]).status_code == outcome


def test_secret_is_sealed_in_the_database(cast, protected):
    stored = Authenticator.objects.get(user=cast.owner, type="totp").data

    assert protected[1] not in str(stored)


def test_removing_the_app_needs_a_fresh_proof_and_is_mailed(cast, protected):
    browser, secret = protected
    old = Browser()
    old.sign_in(cast.owner.email)
    old.post("/sign-in/two-step", code=next_code(secret))

    assert old.post("/account/two-step/app/remove").status_code == 302
    assert Authenticator.objects.filter(user=cast.owner, type="totp").exists()
    browser.post("/account/two-step/app/remove")

    assert not Authenticator.objects.filter(user=cast.owner).exists()
    assert [subject for subject, _text in mails_to(cast.owner.email)][-1] == "The authenticator app was removed"


def test_guessing_codes_is_limited(cast, protected):
    browser = Browser()
    browser.sign_in(cast.owner.email)

    answers = [browser.post("/sign-in/two-step", code=f"{n:06}").status_code for n in range(6)]

    assert answers == [200] * 5 + [429]


def test_code_by_mail_signs_in_and_verifies_the_address(cast):
    browser = Browser()

    browser.post("/sign-in/code", email=cast.editor.email)
    (number,) = re.findall(r"^([A-Z0-9-]{6,})$", mails_to(cast.editor.email)[-1][1], re.MULTILINE)
    answer = browser.post("/sign-in/code/confirm", code=number)

    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert browser.is_signed_in
    assert cast.editor.emailaddress_set.get().verified


def test_code_by_mail_asks_unknown_people_the_same(cast):
    unknown = Browser()

    answer = unknown.post("/sign-in/code", email="nobody@nowhere.example")

    assert answer["Location"] == Browser().post("/sign-in/code", email=cast.editor.email)["Location"]
    assert unknown.get(answer["Location"]).status_code == 200
    assert PASSWORD not in mails_to("nobody@nowhere.example")[-1][1]
