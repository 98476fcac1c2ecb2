"""Connections over REST: what is refused, what is never answered, and what the audit log keeps of it."""

import pytest
from django.test import Client

from tenants.audit.models import AuditEvent
from tenants.scoping import org_scope
from tenants.sso import selectors
from tests.callers import new_tenant
from tests.tenants.sso.saml_provider import key_pair

SECRET = "the client's own secret"
OIDC = {
    "protocol": "oidc",
    "name": "Okta",
    "issuer": "https://acme.okta.com",
    "client_id": "0oa1",
    "client_secret": SECRET,
}
METADATA = """<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example/">
<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing">
<KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>{certificate}</X509Certificate></X509Data></KeyInfo>
</KeyDescriptor><SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/sso"/>
</IDPSSODescriptor></EntityDescriptor>"""


@pytest.fixture
def alice():
    return new_tenant()


def create(alice, **values):
    return alice.api.post(f"{alice.path}sso/connections/", values, format="json")


def refused(answer):
    return answer.status_code, answer.json()["errors"][0]["attr"]


def test_connection_is_made_with_the_addresses_that_the_provider_needs(alice):
    made = create(alice, **OIDC).json()

    assert made["addresses"]["redirect_uri"] == f"http://testserver/account/sso/{alice.org_id.hex}-1/callback/"
    assert (made["is_enabled"], made["missing"], made["has_client_secret"]) == (False, [], True)


def test_secret_is_sealed_and_answered_nowhere(alice):
    made = create(alice, **OIDC)
    with org_scope(alice.org_id):
        row = selectors.connection(alice.org_id, made.json()["id"])
        events = list(AuditEvent.objects.for_org(alice.org_id).values_list("before", "after"))

    assert SECRET.encode() not in bytes(row.client_secret_sealed)
    assert SECRET not in made.content.decode() + str(events)


def test_incomplete_connection_cannot_be_switched_on(alice):
    made = create(alice, protocol="saml").json()

    answer = alice.api.patch(f"{alice.path}sso/connections/{made['id']}/", {"is_enabled": True}, format="json")

    assert answer.status_code == 409
    assert "certificate" in answer.json()["errors"][0]["detail"]


def test_switching_on_and_off_is_recorded(alice):
    made = create(alice, **OIDC).json()
    path = f"{alice.path}sso/connections/{made['id']}/"

    states = [alice.api.patch(path, {"is_enabled": on}, format="json").json()["is_enabled"] for on in (True, False)]

    assert states == [True, False]
    with org_scope(alice.org_id):
        actions = list(AuditEvent.objects.for_org(alice.org_id).order_by("id").values_list("action", flat=True))
    assert [name for name in actions if name in {"sso_connection.enable", "sso_connection.disable"}] == [
        "sso_connection.enable",
        "sso_connection.disable",
    ]


def test_strangers_never_become_organization_admins(alice):
    assert refused(create(alice, **OIDC, jit_role="organization_admin")) == (400, "jit_role")


def test_metadata_fills_the_values(alice):
    certificate = "".join(key_pair("idp")[1].splitlines()[1:-1])

    made = create(alice, protocol="saml", metadata=METADATA.format(certificate=certificate)).json()

    assert (made["entity_id"], made["sso_url"], made["missing"]) == (
        "https://idp.example/",
        "https://idp.example/sso",
        [],
    )


BAD_METADATA = {
    "no XML": "hello",
    "other XML": "<a/>",
    "an entity that reads a file": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "entities that grow": '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><x>&b;</x>',
    "no certificate": METADATA.format(certificate=""),
    "a certificate that is none": METADATA.format(certificate="AAAA"),
    "another script": METADATA.format(certificate="AAAA").replace("https://idp.example/sso", "javascript:alert(1)"),
    "too long": "<a>" + "x" * 300_000 + "</a>",
}


@pytest.mark.parametrize("xml", BAD_METADATA.values(), ids=BAD_METADATA)
def test_bad_metadata_is_refused(alice, xml):
    assert refused(create(alice, protocol="saml", metadata=xml)) == (400, "metadata")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("issuer", "acme.okta.com"),
        ("issuer", "https://user:pass@acme.okta.com"),
        ("issuer", "file:///etc/passwd"),
        ("sso_url", "javascript:alert(1)"),
        ("name", "a\x00b"),
        ("name", ""),
        ("certificates", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
        ("attribute_mapping", {"role": "x"}),
    ],
)
def test_bad_value_is_refused(alice, field, value):
    status, attr = refused(create(alice, **{**OIDC, field: value}))

    assert (status, attr.partition(".")[0]) == (400, field)


def test_changing_whom_it_trusts_asks_for_a_new_test(alice):
    made = create(alice, **OIDC).json()
    path = f"{alice.path}sso/connections/{made['id']}/"
    with org_scope(alice.org_id):
        selectors.connections(alice.org_id).update(tested_at="2026-01-01T00:00:00Z")

    assert alice.api.patch(path, {"jit_role": "viewer"}, format="json").json()["tested_at"] is not None
    assert alice.api.patch(path, {"client_id": "other"}, format="json").json()["tested_at"] is None


def test_unknown_and_malformed_keys_are_not_found(alice):
    for key in (f"{alice.org_id.hex}-9", "x", f"{alice.org_id.hex}-0", f"{alice.org_id}-1"):
        for path in ("login/", "callback/", "metadata/", "acs/finish/", "link/"):
            assert Client().get(f"/account/sso/{key}/{path}").status_code == 404


def test_one_network_address_is_held_back_after_600_requests_a_minute(alice):
    client = Client(REMOTE_ADDR="192.0.2.7")
    path = f"/account/sso/{alice.org_id.hex}-9/metadata/"

    statuses = {client.get(path).status_code for _request in range(601)}

    assert statuses == {404, 429}
    assert Client(REMOTE_ADDR="192.0.2.8").get(path).status_code == 404
