"""OpenID Connect: every answer of a provider that must not sign anybody in (promise S16). tests/browser has the certified provider."""

import time
import uuid
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from tenants.models import Membership, User
from tenants.scoping import org_scope
from tenants.services import create_user
from tenants.sso.connections import ConnectionValues
from tenants.sso.models import Protocol
from tests.tenants.sso.lying_provider import CLIENT_ID, CLIENT_SECRET, lying_provider
from tests.tenants.sso.organizations import Sso, make_sso


@pytest.fixture
def provider():
    with lying_provider() as started:
        yield started


@pytest.fixture
def sso(provider):
    return make_oidc(provider)


def make_oidc(provider, *, jit_role="viewer", **more) -> Sso:
    values = {"issuer": provider.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "jit_role": jit_role}
    return make_sso(Protocol.OIDC, ConnectionValues(**(values | more)))


def begin(client: Client, sso: Sso, query="") -> dict[str, str]:
    answer = client.get(f"{sso.login_path}{query}")
    assert answer.status_code == 302, answer.content.decode()
    return {name: values[0] for name, values in parse_qs(urlsplit(answer["Location"]).query).items()}


def sign_in(client, sso, provider, *, state=None, **claims):
    """A sign-in whose ID token has these claims besides the good ones."""
    asked = begin(client, sso)
    provider.claims = {"sub": uuid.uuid4().hex, "email": sso.email("ann"), "nonce": asked["nonce"]} | claims
    query = {"code": "c", "state": asked["state"] if state is None else state}
    return client.get(f"/account/sso/{sso.key}/callback/", query)


def signed_in_as(client) -> User | None:
    user_id = client.session.get("_auth_user_id")
    return User.objects.get(pk=user_id) if user_id else None


def test_unknown_person_of_the_domain_becomes_a_member(sso, provider):
    client = Client()

    sign_in(client, sso, provider, name="Ann Example")

    user = signed_in_as(client)
    assert (user.email, user.name) == (sso.email("ann"), "Ann Example")
    with org_scope(sso.cast.org_id):
        assert Membership.objects.for_org(sso.cast.org_id).filter(user=user).exists()


def test_request_carries_pkce_and_the_client_proves_itself(sso, provider):
    client = Client()
    asked = begin(client, sso)
    provider.claims = {"sub": "s", "email": sso.email("ann"), "nonce": asked["nonce"]}

    client.get(f"/account/sso/{sso.key}/callback/", {"code": "the code", "state": asked["state"]})

    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["redirect_uri"] == f"http://testserver/account/sso/{sso.key}/callback/"
    assert provider.form["code"] == "the code"
    assert len(provider.form["code_verifier"]) >= 43
    assert provider.credentials == "daggerboard:a%20long%20secret%3A%20of%20%2F%20tests%20and%20more"
    assert "client_secret" not in provider.form


REFUSED = {
    "for another audience": ({"aud": "other"}, {}, "ID token of the provider is not valid"),
    "for several clients": ({"aud": [CLIENT_ID, "other"]}, {}, "azp"),
    "of another issuer": ({"iss": "https://other.example"}, {}, "not valid"),
    "expired": ({"exp": int(time.time()) - 120}, {}, "expired"),
    "without an end": ({"exp": None}, {}, "exp"),
    # Asked for when the test runs, which may be long after it was collected.
    "from the future": ({"iat": lambda: int(time.time()) + 600}, {}, "not valid"),
    "of another sign-in": ({"nonce": "other"}, {}, "another sign-in"),
    "without a nonce": ({"nonce": None}, {}, "another sign-in"),
    "without a subject": ({"sub": None}, {}, "sub"),
    "unsigned": ({}, {"algorithm": "none"}, "not accepted"),
    "signed with the client's secret": ({}, {"algorithm": "HS256"}, "not accepted"),
    "signed by a key that is not published": ({}, {"signed_by": "mallory"}, "does not publish"),
    "with an address that is not verified": ({"email_verified": False}, {}, "is not verified"),
    "without an address": ({"email": None}, {}, "sent no e-mail address"),
    "of a provider that calls itself otherwise": (
        {},
        {"discovery": {"issuer": "https://other.example"}},
        "calls itself",
    ),
    "after a refused client": ({}, {"token_status": 401}, "Check client id and client secret"),
}


@pytest.mark.parametrize(("claims", "lies", "words"), REFUSED.values(), ids=REFUSED)
def test_id_token_is_refused(sso, provider, claims, lies, words):
    client = Client()
    asked = begin(client, sso)
    for name, value in lies.items():
        setattr(provider, name, value)
    provider.claims = {"sub": "s", "email": sso.email("ann"), "nonce": asked["nonce"]} | {
        name: value() if callable(value) else value for name, value in claims.items()
    }

    answer = client.get(f"/account/sso/{sso.key}/callback/", {"code": "c", "state": asked["state"]})

    assert (answer.status_code, signed_in_as(client)) == (403, None)
    assert words in answer.content.decode()


def test_answer_works_once(sso, provider):
    client = Client()
    asked = begin(client, sso)
    provider.claims = {"sub": "s", "email": sso.email("ann"), "nonce": asked["nonce"]}
    query = {"code": "c", "state": asked["state"]}
    client.get(f"/account/sso/{sso.key}/callback/", query)
    client.post("/sign-out")

    answer = client.get(f"/account/sso/{sso.key}/callback/", query)

    assert (answer.status_code, signed_in_as(client)) == (403, None)


def test_answer_works_in_the_browser_that_asked_only(sso, provider):
    asking, other = Client(), Client()
    asked = begin(asking, sso)
    provider.claims = {"sub": "s", "email": sso.email("ann"), "nonce": asked["nonce"]}

    answer = other.get(f"/account/sso/{sso.key}/callback/", {"code": "c", "state": asked["state"]})

    assert (answer.status_code, signed_in_as(other)) == (403, None)


def test_answer_to_one_organization_opens_no_other(sso, provider):
    """Both trust the same provider and client."""
    other, client = make_oidc(provider), Client()
    asked = begin(client, sso)
    provider.claims = {"sub": "s", "email": other.email("ann"), "nonce": asked["nonce"]}

    answer = client.get(f"/account/sso/{other.key}/callback/", {"code": "c", "state": asked["state"]})

    assert (answer.status_code, signed_in_as(client)) == (403, None)


def test_address_of_another_domain_cannot_be_taken_over(sso, provider):
    victim, client = create_user(email=f"victim-{uuid.uuid4().hex}@elsewhere.example"), Client()

    answer = sign_in(client, sso, provider, email=victim.email, email_verified=True)

    assert (answer.status_code, signed_in_as(client)) == (403, None)


def test_userinfo_of_somebody_else_is_not_believed(sso, provider):
    client = Client()
    provider.userinfo = {"sub": "somebody else", "email": sso.email("boss")}

    answer = sign_in(client, sso, provider, email=None)

    assert (answer.status_code, signed_in_as(client)) == (403, None)
    assert "sent no e-mail address" in answer.content.decode()


def test_claims_can_be_mapped(provider):
    sso, client = make_oidc(provider, attribute_mapping={"subject": "oid", "email": "upn"}), Client()

    sign_in(client, sso, provider, oid="o-1", upn=sso.email("mapped"), email="ignored@elsewhere.example")

    assert signed_in_as(client).email == sso.email("mapped")


def test_next_address_is_ours_or_nothing(sso, provider):
    client = Client()
    asked = begin(client, sso, "?next=https://evil.example/")
    provider.claims = {"sub": "s", "email": sso.email("ann"), "nonce": asked["nonce"]}

    answer = client.get(f"/account/sso/{sso.key}/callback/", {"code": "c", "state": asked["state"]})

    assert answer["Location"] == "/"


def test_private_addresses_are_not_called(sso, settings_of):
    settings_of(OUTBOUND_ALLOWED_NETWORKS=[])

    answer = Client().get(sso.login_path)

    assert answer.status_code == 400
    assert "not reached from here" in answer.content.decode()
