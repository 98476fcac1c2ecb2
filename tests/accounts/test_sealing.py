"""What is sealed for people opens for its purpose only, and moves to a new master key."""

import os

import pytest
from django.conf import settings

from tenants.accounts.resealing import reseal_personal_secrets
from tenants.accounts.sealing import open_personal, open_text, seal_personal, seal_to_text
from tenants.errors import UnavailableError
from tests.accounts.browsers import Browser
from tests.accounts.test_two_step import next_code, protected  # noqa: F401 - a fixture
from tests.cast import make_cast


def test_opens_for_its_purpose_only():
    sealed = seal_personal("mail", "hello")

    assert open_personal("mail", sealed) == "hello"
    with pytest.raises(UnavailableError, match="DAGGERBOARD_MASTER_KEY"):
        open_personal("two-step", sealed)


def test_texts_that_are_alike_are_sealed_differently():
    assert seal_to_text("mail", "hello") != seal_to_text("mail", "hello")
    assert open_text("mail", seal_to_text("mail", "Grüße")) == "Grüße"


def test_second_step_works_after_the_old_master_key_is_gone(cast, protected, settings_of):  # noqa: F811 - the fixture
    old, new = settings.MASTER_KEYS[0], os.urandom(32)
    settings_of(MASTER_KEYS=[new, old])
    assert reseal_personal_secrets() >= 2

    settings_of(MASTER_KEYS=[new])
    browser = Browser()
    browser.sign_in(cast.owner.email)
    browser.post("/sign-in/two-step", code=next_code(protected[1]))

    signed_in = browser.is_signed_in
    settings_of(MASTER_KEYS=[old, new])
    reseal_personal_secrets()
    assert signed_in


def test_lost_second_step_is_removed_by_whoever_runs_the_installation(protected, cast):  # noqa: F811 - the fixture
    from tenants.accounts.two_step import remove_all

    assert remove_all(cast.owner) == 2

    browser = Browser()
    browser.sign_in(cast.owner.email)
    assert browser.is_signed_in
    assert remove_all(make_cast().owner) == 0
