"""Sessions that single sign-on opened: they end when told, and reach no further than the organization's word (promise S15)."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.test import Client, RequestFactory

from controlplane.core.threads import with_connections_returned
from controlplane.runs.stream import runs_live
from tenants.models import Membership, Organization, OrganizationState, Role, User
from tenants.scoping import org_scope
from tenants.services import add_member
from tenants.sso import connections
from tenants.sso.admission import admit
from tenants.sso.identity import make_identity
from tenants.sso.models import SsoIdentity
from tests.cast import make_cast, make_member
from tests.tenants.sso.organizations import begin_saml, make_saml, post_response


@pytest.fixture
def sso(saml_idp):
    return make_saml(saml_idp)


def sign_in(sso, idp, who):
    client = Client()
    request_id = begin_saml(client, sso)
    post_response(client, sso, idp.respond(sso.metadata, person=who, request_id=request_id))
    return client


def opens(client, org):
    return client.get(f"/{org.slug}/settings/").status_code


def link(sso, user, subject):
    with org_scope(sso.cast.org_id):
        SsoIdentity.objects.create_in(sso.cast.org_id, connection_id=sso.connection.id, subject=subject, user=user)


def test_session_ends_when_the_connection_is_switched_off(sso, saml_idp):
    client = sign_in(sso, saml_idp, {"NameID": "a", "Email": sso.email("ann")})
    assert opens(client, sso.cast.org) == 200

    connections.switch_connection(
        org_id=sso.cast.org_id, connection_id=sso.connection.id, on=False, actor=sso.cast.actor
    )

    assert opens(client, sso.cast.org) == 302


def test_live_stream_is_refused_with_the_session(sso, saml_idp):
    """Streams are served without middleware."""
    client = sign_in(sso, saml_idp, {"NameID": "a", "Email": sso.email("ann")})
    request = RequestFactory().get(
        "/live", headers={"Cookie": f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"}
    )

    def status():
        return async_to_sync(runs_live)(request, sso.cast.org.slug, sso.cast.deployment.name).status_code

    assert status() == 200
    connections.switch_connection(
        org_id=sso.cast.org_id, connection_id=sso.connection.id, on=False, actor=sso.cast.actor
    )
    assert status() == 401


@pytest.mark.parametrize("how", ["deactivated member", "removed member", "deactivated account", "unlinked"])
def test_session_ends_with_what_it_rests_on(sso, saml_idp, how):
    client = sign_in(sso, saml_idp, {"NameID": "a", "Email": sso.email("ann")})
    user = User.objects.get(email=sso.email("ann"))

    with org_scope(sso.cast.org_id):
        match how:
            case "deactivated member":
                Membership.objects.for_org(sso.cast.org_id).filter(user=user).update(is_active=False)
            case "removed member":
                Membership.objects.for_org(sso.cast.org_id).filter(user=user).delete()
            case "deactivated account":
                User.objects.filter(pk=user.pk).update(is_active=False)
            case _:
                SsoIdentity.objects.for_org(sso.cast.org_id).filter(user=user).delete()

    assert opens(client, sso.cast.org) == 302


def test_deactivated_member_cannot_come_back(sso, saml_idp):
    who = {"NameID": "a", "Email": sso.email("ann")}
    sign_in(sso, saml_idp, who)
    with org_scope(sso.cast.org_id):
        Membership.objects.for_org(sso.cast.org_id).filter(user__email=who["Email"]).update(is_active=False)

    client = sign_in(sso, saml_idp, who)

    assert "_auth_user_id" not in client.session


def test_linked_member_of_another_domain_reaches_this_organization_alone(sso, saml_idp):
    """The organization's provider may speak for them here; not elsewhere, and not for their account."""
    user, elsewhere = make_member(sso.cast.org, f"c-{uuid.uuid4().hex}@consulting.example", Role.VIEWER), make_cast()
    add_member(org_id=elsewhere.org_id, user=user, role=Role.ORGANIZATION_ADMIN)
    link(sso, user, "consultant")

    client = sign_in(sso, saml_idp, {"NameID": "consultant", "Email": "whatever@else.example"})

    assert client.session["_auth_user_id"] == str(user.pk)
    assert [opens(client, org) for org in (sso.cast.org, elsewhere.org)] == [200, 404]
    assert [client.get(f"/account/{page}").status_code for page in ("email", "password/set", "two-step")] == [403] * 3


def test_person_of_the_verified_domain_reaches_all_of_theirs(sso, saml_idp):
    user, elsewhere = make_member(sso.cast.org, sso.email("ann"), Role.VIEWER), make_cast()
    add_member(org_id=elsewhere.org_id, user=user, role=Role.VIEWER)

    client = sign_in(sso, saml_idp, {"NameID": "a", "Email": user.email})

    assert [opens(client, org) for org in (sso.cast.org, elsewhere.org)] == [200, 200]


def test_linked_person_who_left_does_not_come_back(sso, saml_idp):
    user = make_member(sso.cast.org, f"c-{uuid.uuid4().hex}@consulting.example", Role.VIEWER)
    link(sso, user, "consultant")
    with org_scope(sso.cast.org_id):
        Membership.objects.for_org(sso.cast.org_id).filter(user=user).delete()

    client = sign_in(sso, saml_idp, {"NameID": "consultant", "Email": ""})

    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("state", [OrganizationState.READ_ONLY, OrganizationState.SUSPENDED])
def test_nobody_becomes_a_member_of_an_organization_that_is_not_active(sso, saml_idp, state):
    Organization.objects.filter(id=sso.cast.org_id).update(state=state)

    client = sign_in(sso, saml_idp, {"NameID": "a", "Email": sso.email("ann")})

    assert "_auth_user_id" not in client.session
    assert not User.objects.filter(email=sso.email("ann")).exists()


def test_account_made_with_somebody_elses_address_is_worth_nothing_to_who_made_it(sso, saml_idp):
    """Somebody signs up with Ann's address and a password before Ann has come: Ann's first sign-in takes the password away."""
    from allauth.account.models import EmailAddress

    user = User.objects.create(email=sso.email("ann"))
    user.set_password("known to mallory")
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, verified=False, primary=True)

    sign_in(sso, saml_idp, {"NameID": "a", "Email": user.email})

    user.refresh_from_db()
    assert not user.has_usable_password()


def test_two_windows_of_a_new_person_make_one_account(saml_idp, sso):
    """Both arrive before either is known."""
    email, barrier = sso.email("ann"), threading.Barrier(2)
    identity = make_identity(subject="a", email=email, name="Ann", email_verified=None, attributes={})

    def arrive(_window):
        def work():
            barrier.wait(60)
            return admit(sso.fresh(), identity, address="").pk

        return with_connections_returned(work)

    with ThreadPoolExecutor(2) as pool:
        arrived = set(pool.map(arrive, range(2)))

    assert arrived == {User.objects.get(email=email).pk}
