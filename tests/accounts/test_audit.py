"""What people do with their accounts is in the audit log of each of their organizations."""

import pytest
from allauth.mfa.models import Authenticator

from controlplane.core.tasks import record_failed_sign_in
from tenants.audit.models import AuditEvent
from tenants.ids import uuid7
from tenants.scoping import org_scope
from tenants.services import create_organization
from tests.accounts.browsers import Browser, new_email
from tests.cast import PASSWORD


def rows(org_id, action):
    with org_scope(org_id):
        return list(AuditEvent.objects.for_org(org_id).filter(action=action).order_by("id"))


@pytest.fixture
def second(cast):
    """Another organization of the same owner."""
    return create_organization(slug=f"second-{uuid7().hex[-10:]}", name="Second", owner=cast.owner)


def test_sign_in_is_in_every_organization_of_the_person_and_in_no_other(cast, second, outsider):
    browser = Browser()

    browser.sign_in(cast.owner.email)

    for org_id in (cast.org_id, second.id):
        (row,) = rows(org_id, "sign_in")
        assert (row.actor_label, row.address, row.after) == (
            cast.owner.email,
            browser.address,
            {"methods": ["password"]},
        )
    assert rows(outsider.org_id, "sign_in") == []


def test_failed_sign_in_is_in_the_log_once_a_worker_has_heard_of_it(cast, woken):
    browser = Browser()

    browser.sign_in(cast.owner.email, "wrong password")
    browser.sign_in(new_email(), "wrong password")

    known, unknown = woken("core.record_failed_sign_in")
    for call in (known, unknown):
        record_failed_sign_in(**call)
    (row,) = rows(cast.org_id, "sign_in.failed")
    assert (row.result, row.address, row.after) == ("failure", browser.address, {"how": "password"})


def test_password_and_two_step_changes_are_in_the_log(cast):
    from tests.accounts.test_two_step import set_up

    browser = Browser()
    browser.sign_in(cast.owner.email)
    browser.confirm()
    set_up(browser)
    browser.post("/account/two-step/app/remove")
    browser.post(
        "/account/password",
        oldpassword=PASSWORD,
        password1="another fine phrase",
        password2="another fine phrase",
    )

    assert [row.after for row in rows(cast.org_id, "mfa.enable")] == [{"type": "totp"}, {"type": "recovery_codes"}]
    assert {row.before["type"] for row in rows(cast.org_id, "mfa.disable")} == {"totp", "recovery_codes"}
    assert len(rows(cast.org_id, "password.change")) == 1
    assert "another fine phrase" not in str([vars(row) for row in rows(cast.org_id, "password.change")])


def test_signing_out_and_a_key_s_new_name_are_in_the_log(cast):
    data = {"name": "old", "credential": {}}
    key = Authenticator.objects.create(user=cast.owner, type=Authenticator.Type.WEBAUTHN, data=data)
    browser = Browser(client=cast.signed_in())
    browser.confirm()

    browser.post(f"/account/two-step/keys/{key.pk}/edit", name="Blue key")
    browser.post("/sign-out")

    (renamed,) = rows(cast.org_id, "mfa.rename")
    assert (renamed.before, renamed.after) == ({"name": "old"}, {"name": "Blue key"})
    assert [row.address for row in rows(cast.org_id, "sign_out")] == [browser.address]
