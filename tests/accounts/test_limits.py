"""Attempts are limited by address and by account, and answers tell nobody whether there is an account (promise S14)."""

import re
import statistics
import time

import pytest

from controlplane.embedded.ports import free_port
from tests.accounts.browsers import Browser, new_email


def statuses(posts):
    return [answer.status_code for answer in posts]


@pytest.mark.parametrize("known", [True, False])
def test_an_account_takes_five_wrong_passwords_from_wherever_they_come(cast, known):
    email = cast.owner.email if known else new_email()

    answers = [Browser().sign_in(email, "wrong password") for _ in range(6)]

    assert statuses(answers) == [200] * 5 + [429]
    assert set(re.findall(r"Try again in (\d+) minutes", answers[-1].content.decode())) == {"5"}
    assert 240 < int(answers[-1]["Retry-After"]) <= 300


def test_the_right_password_does_not_pass_a_used_up_limit(cast):
    for _ in range(5):
        Browser().sign_in(cast.owner.email, "wrong password")

    assert Browser().sign_in(cast.owner.email).status_code == 429


def test_an_address_takes_ten_wrong_passwords_a_minute_over_all_accounts():
    browser = Browser()

    answers = [browser.sign_in(new_email(), "wrong password") for _ in range(11)]

    assert statuses(answers) == [200] * 10 + [429]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60


def test_thousand_guesses_get_nowhere(cast):
    browser = Browser()

    answers = [browser.sign_in(cast.owner.email, f"guess number {n}").status_code for n in range(1_000)]

    assert answers.count(200) == 5
    assert set(answers) == {200, 429}


@pytest.mark.parametrize(
    ("path", "allowed"), [("/account/password/reset", 5), ("/sign-in/code", 3)], ids=["reset", "code"]
)
def test_mails_to_one_address_are_limited(path, allowed):
    email = new_email()

    answers = [Browser().post(path, email=email) for _ in range(allowed + 1)]

    assert statuses(answers) == [302] * allowed + [429]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60


def test_sign_ups_from_one_address_are_limited(settings_of):
    settings_of(SIGN_UP="open")
    browser = Browser()

    answers = [browser.post("/sign-up", email="nonsense", password1="x") for _ in range(21)]

    assert statuses(answers) == [200] * 20 + [429]


def test_header_of_a_proxy_that_is_not_ours_does_not_help(cast):
    browser = Browser()
    for n in range(10):
        browser.client.post(
            "/sign-in",
            {"login": new_email(), "password": "x"},
            REMOTE_ADDR=browser.address,
            HTTP_X_FORWARDED_FOR=f"192.0.2.{n}",
        )

    assert browser.sign_in(cast.owner.email).status_code == 429


def test_nobody_signs_in_while_attempts_cannot_be_counted(cast, settings_of):
    signed_in = Browser()
    signed_in.sign_in(cast.owner.email)
    away = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": f"redis://127.0.0.1:{free_port()}"}
    settings_of(CACHES={"default": away})

    answer = Browser().sign_in(cast.owner.email)

    assert (answer.status_code, "Redis does not answer" in answer.content.decode()) == (503, True)
    assert signed_in.is_signed_in


def test_time_tells_nobody_whether_there_is_an_account(cast):
    """Medians of interleaved attempts, in time of the processor: whoever else uses the machine does not count."""
    known, unknown = [], []
    for n in range(15):
        # Each account takes five wrong passwords only.
        known.append(_seconds(Browser(), [cast.owner.email, cast.editor.email, cast.viewer.email][n % 3]))
        unknown.append(_seconds(Browser(), new_email()))

    # Without a hash to check, an answer would take a small part of the time.
    assert statistics.median(known) == pytest.approx(statistics.median(unknown), rel=0.6)


def _seconds(browser, email):
    browser.get("/sign-in")
    started = time.process_time()
    assert browser.sign_in(email, "wrong password").status_code == 200
    return time.process_time() - started
