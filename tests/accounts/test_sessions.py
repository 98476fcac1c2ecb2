"""Sessions: listed, ended one by one or all, and no longer than the organization allows."""

import datetime

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.utils import timezone

from tenants.accounts.sessions import forget_ended
from tenants.audit.models import AuditEvent
from tenants.models import Organization
from tenants.scoping import org_scope
from tests.accounts.browsers import Browser

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1"


@pytest.fixture
def two(cast):
    """The owner at a desk and on a phone."""
    here, there = Browser(), Browser(user_agent=PHONE)
    for browser in (here, there):
        browser.sign_in(cast.owner.email)
    return here, there


def of_phone(cast):
    return UserSession.objects.get(user=cast.owner, user_agent=PHONE)


def test_list_tells_device_address_and_which_is_this_one(two):
    here, there = two

    page = here.get("/account/sessions").content.decode()

    for words in ("Firefox on Linux", here.address, "This one", "Safari on iPhone", there.address):
        assert words in page


def test_one_session_is_ended_and_that_is_in_the_audit_log(cast, two):
    here, there = two

    here.post(f"/account/sessions/{of_phone(cast).pk}/end")

    assert here.is_signed_in
    assert not there.is_signed_in
    with org_scope(cast.org_id):
        row = AuditEvent.objects.for_org(cast.org_id).get(action="session.revoke")
    assert (row.actor_label, row.address) == (cast.owner.email, here.address)
    assert row.before == {"device": "Safari on iPhone", "address": there.address}


def test_all_others_are_ended(cast, two):
    here, there = two
    third = Browser()
    third.sign_in(cast.owner.email)

    here.post("/account/sessions/end-others")

    assert [browser.is_signed_in for browser in (here, there, third)] == [True, False, False]


def test_nobody_ends_a_session_of_somebody_else(cast, outsider, two):
    stranger = Browser()
    stranger.sign_in(outsider.owner.email)

    assert stranger.post(f"/account/sessions/{of_phone(cast).pk}/end").status_code == 404
    assert two[1].is_signed_in


def test_last_seen_follows_use(cast, two):
    UserSession.objects.filter(user=cast.owner).update(last_seen_at=timezone.now() - datetime.timedelta(hours=3))
    # A client has middleware of its own, as another process has: it has not noted this session lately.
    fresh = Browser(address=two[1].address, user_agent=PHONE)
    fresh.client.cookies = two[1].client.cookies
    fresh.get("/account")

    assert timezone.now() - of_phone(cast).last_seen_at < datetime.timedelta(minutes=1)


def test_organization_ends_sessions_after_its_hours(cast, two):
    here, _there = two
    home = f"/{cast.org.slug}/prod/"
    assert here.get(home).status_code == 200
    Organization.objects.filter(id=cast.org_id).update(session_hours=8)
    session = here.client.session
    session["signed_in_at"] = (timezone.now() - datetime.timedelta(hours=9)).timestamp()
    session.save()

    answer = here.get(home)

    assert answer["Location"] == f"/sign-in?next={home}"
    assert here.sign_in(cast.owner.email, next=home)["Location"] == home
    assert here.get(home).status_code == 200


def test_what_is_known_of_expired_sessions_is_dropped(cast, two):
    ended = of_phone(cast).session_key
    Session.objects.filter(session_key=ended).update(expire_date=timezone.now() - datetime.timedelta(seconds=1))

    forget_ended()

    assert not Session.objects.filter(session_key=ended).exists()
    assert [row.user_agent for row in UserSession.objects.filter(user=cast.owner)] == [two[0].user_agent]
