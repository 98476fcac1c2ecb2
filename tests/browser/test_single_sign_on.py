"""Single sign-on as a person goes through it: against a certified OpenID Connect provider and a SAML identity provider, in Chromium."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import override_settings
from playwright.sync_api import Page, expect

from tests.ui.chromium import beside

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}}
SECRET = "a secret of tests that is long enough"


@pytest.fixture(autouse=True)
def public_here(address: str) -> Iterator[None]:
    """The product is where the browser finds it, and may call providers on this machine."""
    with override_settings(PUBLIC_URL=address, OUTBOUND_ALLOWED_NETWORKS=[ip_network("127.0.0.0/8")]):
        yield


@pytest.fixture
def cast() -> Any:
    from tests.cast import make_cast

    return beside(make_cast)


def make_connection(cast: Any, protocol: str, **values: Any) -> Any:
    from tenants.sso.connections import ConnectionValues, create_connection
    from tenants.sso.models import Protocol

    return beside(
        lambda: create_connection(
            org_id=cast.org_id, protocol=Protocol(protocol), values=ConnectionValues(**values), actor=cast.actor
        )
    )


def own(cast: Any, connection: Any) -> str:
    """Give the organization a verified domain, served by the connection."""
    from tests.tenants.sso.organizations import new_domain, own_domain

    name = new_domain()
    beside(lambda: own_domain(cast, name, connection=connection))
    return name


def key_of(connection: Any) -> Any:
    from tenants.sso.addresses import ConnectionKey, addresses_of

    return addresses_of(connection.protocol, ConnectionKey.of(connection))


@pytest.fixture
def oidc(cast: Any) -> Iterator[Any]:
    """The organization's connection to oidc-provider, whose people are of a verified domain; set up but switched off."""
    from tests.tenants.sso.node_programs import running

    connection = make_connection(
        cast, "oidc", name="Okta", client_id="daggerboard", client_secret=SECRET, jit_role="editor"
    )
    domain = own(cast, connection)
    ann = {"sub": f"ann-{uuid.uuid4().hex}", "name": "Ann Example", "email": f"ann@{domain}", "email_verified": True}
    client = {"client_id": "daggerboard", "client_secret": SECRET, "redirect_uris": [key_of(connection).redirect_uri]}
    with running("oidc.js", {"clients": [client], "people": [ann]}) as program:
        yield connection, ann, program.hear()["issuer"]


def answer_at_provider(page: Page, **fields: str) -> None:
    expect(page.get_by_role("heading", name="Who are you?")).to_be_visible()
    for label, value in fields.items():
        page.get_by_label(label).fill(value)
    page.get_by_role("button", name="Sign in").click()


def test_admin_sets_up_tests_and_switches_on_openid_connect_and_a_person_signs_in(visit, cast, oidc):
    _connection, ann, issuer = oidc
    admin = visit(cast).page
    admin.goto(f"{visit.address}/{cast.org.slug}/settings/sso")
    admin.get_by_role("link", name="Okta").click()
    admin.get_by_label("Issuer").fill(issuer)
    admin.get_by_role("button", name="Save").click()
    expect(admin.get_by_text("The connection is saved.")).to_be_visible()

    admin.get_by_role("link", name="Test sign-in").click()
    answer_at_provider(admin, Subject=ann["sub"])
    expect(admin.get_by_role("heading", name="The test worked")).to_be_visible()
    expect(admin.get_by_role("status")).to_contain_text("a new account for")
    expect(admin.get_by_role("cell", name="Ann Example")).to_be_visible()
    admin.get_by_role("link", name="Back to the connection").click()
    admin.get_by_role("button", name="Switch on").click()
    expect(admin.get_by_text("The connection is on.")).to_be_visible()

    person = visit.context.browser.new_context().new_page()
    person.goto(f"{visit.address}/{cast.org.slug}/prod/runs")
    person.get_by_role("link", name="Single sign-on").click()
    person.get_by_label("E-mail address").fill(ann["email"])
    person.get_by_role("button", name="Continue").click()
    person.get_by_role("link", name="Continue to Okta").click()
    answer_at_provider(person, Subject=ann["sub"])

    expect(person).to_have_url(re.compile(r"/prod/runs$"))
    person.context.close()


def test_person_signs_in_through_saml(visit, cast):
    from tenants.sso.connections import switch_connection
    from tenants.sso.saml_metadata import own_metadata
    from tests.tenants.sso.saml_provider import started

    with started() as provider:
        connection = make_connection(cast, "saml", name="Keycloak", metadata=provider.metadata, jit_role="viewer")
        beside(lambda: switch_connection(org_id=cast.org_id, connection_id=connection.id, on=True, actor=cast.actor))
        domain = own(cast, connection)
        provider.serve(own_metadata(connection).decode())
        page = visit.blank()

        page.goto(f"{visit.address}/account/sso?email=ann@{domain}")
        page.get_by_role("link", name="Continue to Keycloak").click()
        answer_at_provider(page, **{"E-mail": f"ann@{domain}", "NameID": "ann"})
        page.get_by_role("button", name="Continue").click()

        expect(page.get_by_role("heading", name="prod")).to_be_visible()


def test_page_of_settings_is_used_by_keyboard(visit, cast):
    page = visit(cast).page
    page.goto(f"{visit.address}/{cast.org.slug}/settings/sso")
    page.get_by_role("textbox", name="Domain").focus()
    page.keyboard.type("example")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("A domain looks like example.com")

    page.get_by_role("textbox", name="Domain").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type(f"d{uuid.uuid4().hex}.example.com")
    page.keyboard.press("Enter")

    expect(page.get_by_text("daggerboard-verification=")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing_on_the_pages(visit, cast, width, scheme):
    from tests.tenants.sso.saml_provider import key_pair

    connection = make_connection(
        cast, "saml", name="Keycloak", entity_id="https://idp.example/", certificates=key_pair("axe")[1]
    )
    domain = own(cast, connection)
    page = visit(cast).page
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    settings = f"{visit.address}/{cast.org.slug}/settings/sso"
    addresses = [settings, f"{settings}/connections/{connection.id}", f"{visit.address}/account/sso?email=a@{domain}"]
    for address in addresses:
        page.goto(address)
        found = Axe().run(page, options=RULES).response["violations"]
        assert [(rule["id"], [node["html"][:100] for node in rule["nodes"]]) for rule in found] == [], address
