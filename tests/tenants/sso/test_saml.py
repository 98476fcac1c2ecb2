"""SAML sign-in against samlify: who comes in, and every assertion that must not (promise S16)."""

import base64
import uuid

import pytest
from django.test import Client

from tenants.models import Membership, User
from tenants.scoping import org_scope
from tenants.services import create_user
from tests.tenants.sso.organizations import Sso, acs_of, begin_saml, make_saml, post_response
from tests.tenants.sso.saml_provider import key_pair


@pytest.fixture
def sso(saml_idp):
    return make_saml(saml_idp)


def person(sso: Sso, name="ann"):
    return {"NameID": uuid.uuid4().hex, "Email": sso.email(name)}


def signed_in_as(client: Client) -> User | None:
    user_id = client.session.get("_auth_user_id")
    return User.objects.get(pk=user_id) if user_id else None


def sign_in(client, sso, idp, who, **more):
    request_id = begin_saml(client, sso)
    return post_response(client, sso, idp.respond(sso.metadata, person=who, request_id=request_id, **more))


def test_unknown_person_of_the_domain_becomes_a_member(sso, saml_idp):
    client, who = Client(), person(sso)

    sign_in(client, sso, saml_idp, who)

    user = signed_in_as(client)
    assert user.email == who["Email"]
    assert user.name == "Ann"
    with org_scope(sso.cast.org_id):
        assert Membership.objects.for_org(sso.cast.org_id).filter(user=user).exists()


def test_second_sign_in_is_the_same_person_whatever_their_address_is_by_then(sso, saml_idp):
    who = person(sso)
    first, second = Client(), Client()
    sign_in(first, sso, saml_idp, who)

    sign_in(second, sso, saml_idp, {**who, "Email": sso.email("married")})

    assert signed_in_as(first) == signed_in_as(second)


# What is changed in an otherwise good answer, and by what it is refused.
REFUSED = {
    "unsigned": ({"signed": "none"}, "is not signed"),
    "only the envelope signed": ({"signed": "response"}, "is not signed"),
    "signed by another key": ({"privateKey": key_pair("mallory")[0]}, "Signature validation failed"),
    "for another audience": ({"Audience": "https://other.example/metadata"}, "is not a valid audience"),
    "for no audience": ({"Audience": ""}, "not meant for us"),
    "for another recipient": (
        {"values": {"Recipient": "https://other.example/acs"}},
        "SubjectConfirmation was not found",
    ),
    "for another destination": ({"values": {"Destination": "https://other.example/acs"}}, "was received at"),
    "of another issuer": ({"values": {"Issuer": "https://other.example/metadata"}}, "Invalid issuer"),
    "expired": ({"values": {"NotOnOrAfter": -90}}, "has expired"),
    "expired by its confirmation": ({"values": {"ConfirmedUntil": -90}}, "SubjectConfirmation was not found"),
    "not yet valid": ({"values": {"NotBefore": 120}}, "not valid yet"),
    "valid for a day": ({"values": {"ConfirmedUntil": 86_400}}, "ends within an hour"),
    "answering another request": ({"request_id": f"ONELOGIN_{uuid.uuid4().hex}"}, "belongs to no sign-in"),
    "answering no request": ({"request_id": ""}, "takes only sign-ins that begin here"),
    "answering in the envelope only": ({"values": {"InResponseTo": ""}}, "takes only sign-ins that begin here"),
    "without an address": ({"person": {"NameID": "x", "Email": ""}}, "sent no e-mail address"),
    "without a subject": ({"person": {"NameID": "", "Email": "x@example.com"}}, "NameID"),
}


@pytest.mark.parametrize(("change", "words"), REFUSED.values(), ids=REFUSED)
def test_assertion_is_refused(sso, saml_idp, change, words):
    client = Client()
    asked = {"person": person(sso), "request_id": begin_saml(client, sso)}

    answer = post_response(client, sso, saml_idp.respond(sso.metadata, **{**asked, **change}))

    assert (answer.status_code, signed_in_as(client)) == (403, None)
    assert words in answer.content.decode()


def test_recipient_has_to_be_ours_exactly(sso, saml_idp):
    """The library takes every address that contains ours."""
    client = Client()
    alike = {"Recipient": f"http://testserver{acs_of(sso)}x"}
    response = saml_idp.respond(sso.metadata, person=person(sso), request_id=begin_saml(client, sso), values=alike)

    answer = post_response(client, sso, response)

    assert (answer.status_code, signed_in_as(client)) == (403, None)
    assert "no bearer confirmation" in answer.content.decode()


def test_tampered_assertion_is_refused(sso, saml_idp):
    client, who = Client(), person(sso)
    response = saml_idp.respond(sso.metadata, person=who, request_id=begin_saml(client, sso))
    xml = base64.b64decode(response).replace(who["Email"].encode(), sso.cast.owner.email.encode())

    answer = post_response(client, sso, base64.b64encode(xml).decode())

    assert (answer.status_code, signed_in_as(client)) == (403, None)
    assert "Signature validation failed" in answer.content.decode()


def test_assertion_works_once_even_in_another_browser(sso, saml_idp):
    sso.change(allow_idp_initiated=True)
    response = saml_idp.respond(sso.metadata, person=person(sso))
    first, second = Client(), Client()
    post_response(first, sso, response)
    assert signed_in_as(first) is not None

    answer = post_response(second, sso, response)

    assert (answer.status_code, signed_in_as(second)) == (403, None)
    assert "used already" in answer.content.decode()


def test_answer_to_a_request_works_in_the_browser_that_asked_only(sso, saml_idp):
    asking, other = Client(), Client()
    response = saml_idp.respond(sso.metadata, person=person(sso), request_id=begin_saml(asking, sso))

    answer = post_response(other, sso, response)

    assert (answer.status_code, signed_in_as(other)) == (403, None)


def test_assertion_for_one_organization_opens_no_other(sso, saml_idp):
    """Both trust the same provider: what it says to one is not said to the other."""
    other, client = make_saml(saml_idp), Client()
    response = saml_idp.respond(sso.metadata, person=person(other), request_id=begin_saml(client, other))

    answer = post_response(client, other, response)

    assert (answer.status_code, signed_in_as(client)) == (403, None)


def test_request_of_one_organization_is_not_answered_at_another(sso, saml_idp):
    other, client = make_saml(saml_idp), Client()
    request_id = begin_saml(client, sso)

    answer = post_response(client, other, saml_idp.respond(other.metadata, person=person(other), request_id=request_id))

    assert (answer.status_code, signed_in_as(client)) == (403, None)


def test_address_of_another_domain_cannot_be_taken_over(sso, saml_idp):
    victim, client = create_user(email=f"victim-{uuid.uuid4().hex}@elsewhere.example"), Client()

    answer = sign_in(client, sso, saml_idp, {"NameID": "m", "Email": victim.email})

    assert (answer.status_code, signed_in_as(client)) == (403, None)
    assert "has not verified the domain" in answer.content.decode()


def test_even_a_member_with_another_domain_is_not_taken_over(sso, saml_idp):
    client = Client()

    answer = sign_in(client, sso, saml_idp, {"NameID": "m", "Email": sso.cast.owner.email})

    assert (answer.status_code, signed_in_as(client)) == (403, None)


def test_without_a_default_role_strangers_are_refused(saml_idp):
    sso, client = make_saml(saml_idp, jit_role=""), Client()

    answer = sign_in(client, sso, saml_idp, person(sso))

    assert (answer.status_code, signed_in_as(client)) == (403, None)
    assert not User.objects.filter(email=sso.email("ann")).exists()


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "x",
        base64.b64encode(b"<x/>").decode(),
        base64.b64encode(b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>').decode(),
        "A" * 600_000,
    ],
    ids=["nothing", "a letter", "other XML", "entities", "too long"],
)
def test_what_is_no_response_is_refused_in_words(sso, junk):
    client = Client()
    begin_saml(client, sso)

    answer = post_response(client, sso, junk)

    assert answer.status_code == 403
    assert "Single sign-on did not work" in answer.content.decode()


def test_disabled_connection_signs_nobody_in(sso, saml_idp):
    client = Client()
    request_id = begin_saml(client, sso)
    sso.change(is_enabled=False)

    answer = post_response(client, sso, saml_idp.respond(sso.metadata, person=person(sso), request_id=request_id))

    assert (answer.status_code, signed_in_as(client)) == (403, None)
