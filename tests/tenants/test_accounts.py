"""People, organizations, tokens and sign-in links, at their services."""

import datetime
import threading

import pytest
from django.db import connections
from django.urls import get_resolver

from tenants import services
from tenants.access import Principal, enter_organization
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.ids import uuid7
from tenants.models import Membership, TokenKind
from tenants.permissions import Permission
from tenants.scoping import org_scope
from tenants.token_services import issue_token
from tenants.token_verification import verify_token
from tenants.tokens import parse_token
from tests.cast import make_cast

PASSWORD = "correct horse battery"


def new_email():
    return f"ann-{uuid7().hex}@example.com"


def test_email_is_known_whatever_its_case():
    email = new_email()
    services.create_user(email=email, password=PASSWORD)

    with pytest.raises(ConflictError):
        services.create_user(email=email.upper())


@pytest.mark.parametrize("email", ["", "ann", "ann@", "ann\x00@example.com", "a b@example.com"])
def test_what_is_no_email_is_refused(email):
    with pytest.raises(InvalidError):
        services.create_user(email=email)


@pytest.mark.parametrize("password", ["", "short", "password123", "1234567890123"])
def test_weak_password_is_refused(password):
    with pytest.raises(InvalidError) as refused:
        services.create_user(email=new_email(), password=password)

    assert refused.value.attr == "password"


def test_user_without_password_has_no_usable_one():
    user = services.create_user(email=new_email())

    assert not user.has_usable_password()
    assert not user.check_password("")


@pytest.mark.parametrize("slug", ["", "Acme", "a b", "ä", "-a", "x" * 65, "api", "sign-in"])
def test_what_cannot_be_a_slug_is_refused(slug):
    with pytest.raises(InvalidError):
        services.create_organization(slug=slug, name="X", owner=make_cast().owner)


def test_no_address_of_ours_can_be_taken_by_an_organization():
    words = {str(p.pattern).partition("/")[0] for p in get_resolver().url_patterns}
    words |= {
        str(p.pattern).partition("/")[0] for r in get_resolver().url_patterns for p in getattr(r, "url_patterns", [])
    }

    plain = {word for word in words if word and "<" not in word} - _below("agent/v1/", "api/v1/", "scim/v2/")
    assert plain - services.RESERVED_SLUGS == set()


def _below(*prefixes):
    """First words of what lies deeper."""
    return {
        str(p.pattern).partition("/")[0]
        for r in get_resolver().url_patterns
        if str(r.pattern) in prefixes
        for p in r.url_patterns
    }


def test_sign_in_link_works_once():
    user = make_cast().owner
    link = services.issue_sign_in_link(user=user)

    assert services.redeem_sign_in_link(link) == user
    with pytest.raises(NotFoundError, match="used already"):
        services.redeem_sign_in_link(link)


def test_sign_in_link_works_once_for_many_at_a_time():
    link = services.issue_sign_in_link(user=make_cast().owner)
    outcomes = []

    def redeem():
        try:
            outcomes.append(services.redeem_sign_in_link(link))
        except NotFoundError as error:
            outcomes.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=redeem) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(not isinstance(outcome, NotFoundError) for outcome in outcomes) == 1


def test_old_sign_in_link_does_not_work():
    link = services.issue_sign_in_link(user=make_cast().owner, life=datetime.timedelta(seconds=-1))

    with pytest.raises(NotFoundError, match="expired"):
        services.redeem_sign_in_link(link)


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t.replace("dgb_user", "dgb_agent"), lambda t: t[:-9] + "0" * 9]
)
def test_changed_token_is_not_one(change):
    text = make_cast().user_token.text

    assert parse_token(change(text)) is None


def test_token_with_another_secret_is_not_known():
    cast = make_cast()
    forged = services.token_text(kind="user", token_id=cast.user_token.token.id, secret="0" * 64)

    assert verify_token(forged, address="127.0.0.1") is None


def test_expired_token_is_not_known():
    cast = make_cast()
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    old = issue_token(org_id=cast.org_id, kind=TokenKind.AGENT, name="old", expires_at=past)

    assert verify_token(old.text, address="127.0.0.1") is None


def test_token_of_a_former_member_opens_nothing():
    cast = make_cast()
    claims = verify_token(cast.user_token.text, address="127.0.0.1")
    with org_scope(cast.org_id):
        Membership.objects.for_org(cast.org_id).delete()

    with pytest.raises(NotFoundError):
        enter_organization(Principal(token=claims), cast.org.slug).require(Permission.RUN_READ)


def test_user_token_needs_a_person_and_agent_token_none():
    cast = make_cast()

    for kind, user in ((TokenKind.USER, None), (TokenKind.AGENT, cast.owner)):
        with pytest.raises(InvalidError):
            issue_token(org_id=cast.org_id, kind=kind, name="x", user=user)
