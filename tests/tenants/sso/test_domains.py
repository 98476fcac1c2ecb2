"""Domains: proved by DNS, one organization's at a time, and what enforcing single sign-on refuses."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone

from tenants.audit.models import AuditEvent
from tenants.errors import ConflictError, InvalidError
from tenants.models import Role
from tenants.scoping import org_scope
from tenants.services import create_user, issue_sign_in_link
from tenants.sso import domains, selectors
from tests.cast import PASSWORD, make_cast, make_member
from tests.tenants.sso.organizations import begin_saml, make_saml, new_domain, post_response


def add(cast, name):
    return domains.add_domain(org_id=cast.org_id, name=name, actor=cast.actor)


def verify(cast, domain):
    return domains.verify_domain(org_id=cast.org_id, domain_id=domain.id, actor=cast.actor)


def test_domain_is_verified_by_its_record(cast, dns):
    domain = add(cast, new_domain())
    dns.records[domain.name] = ["v=spf1 -all", domains.record_of(domain)]

    verify(cast, domain)

    with org_scope(cast.org_id):
        assert selectors.has_verified(cast.org_id, f"ann@{domain.name.upper()}")
        assert not selectors.has_verified(cast.org_id, f"ann@sub.{domain.name}")
        recorded = AuditEvent.objects.for_org(cast.org_id).get(action="sso_domain.verify")
    assert (recorded.before, recorded.after, recorded.result) == ({"verified": False}, {"verified": True}, "success")


@pytest.mark.parametrize("records", [None, [], ["daggerboard-verification=another"]], ids=["no name", "none", "other"])
def test_domain_without_its_record_is_not_verified(cast, dns, records):
    domain = add(cast, new_domain())
    if records is not None:
        dns.records[domain.name] = records

    checked = verify(cast, domain)

    assert checked.verified_at is None
    assert checked.check_error


def test_record_of_another_organization_proves_nothing(cast, outsider, dns):
    name = new_domain()
    own, others = add(cast, name), add(outsider, name)
    dns.records[name] = [domains.record_of(others)]

    assert verify(cast, own).verified_at is None


def test_one_domain_is_one_organizations(cast, outsider, dns):
    name = new_domain()
    first, second = add(cast, name), add(outsider, name)
    dns.records[name] = [domains.record_of(first), domains.record_of(second)]
    verify(cast, first)

    with pytest.raises(ConflictError, match="another organization"):
        verify(outsider, second)


def test_domain_whose_record_is_gone_counts_no_longer(cast, dns):
    domain = add(cast, new_domain())
    dns.records[domain.name] = [domains.record_of(domain)]
    verify(cast, domain)
    dns.records.clear()

    assert verify(cast, domain).verified_at is None
    with org_scope(cast.org_id):
        assert AuditEvent.objects.for_org(cast.org_id).filter(action="sso_domain.unverify").exists()


def test_outage_of_name_servers_takes_nothing_away(cast, dns):
    domain = add(cast, new_domain())
    dns.records[domain.name] = [domains.record_of(domain)]
    verify(cast, domain)
    dns.is_broken = True

    checked = verify(cast, domain)

    assert checked.verified_at is not None
    assert "did not answer" in checked.check_error


@pytest.mark.parametrize(
    "name", ["", "example", "exa mple.com", "*.example.com", "http://example.com", "a\x00.com", "1.2.3.4"]
)
def test_what_is_no_domain_is_refused(cast, name):
    with pytest.raises(InvalidError):
        add(cast, name)


# ---- enforcement


@pytest.fixture
def enforced(saml_idp):
    sso = make_saml(saml_idp)
    sso.change(tested_at=timezone.now())
    with org_scope(sso.cast.org_id):
        domain = selectors.domains(sso.cast.org_id).get(name=sso.domain)
    domains.set_domain(
        org_id=sso.cast.org_id,
        domain_id=domain.id,
        connection_id=sso.connection.id,
        is_enforced=True,
        actor=sso.cast.actor,
    )
    return sso


def password_sign_in(email):
    client = Client()
    return client, client.post("/sign-in", {"login": email, "password": PASSWORD})


def test_password_is_refused_whether_or_not_there_is_such_a_person(enforced):
    create_user(email=enforced.email("ann"), password=PASSWORD)

    answers = [password_sign_in(enforced.email(name))[1] for name in ("ann", "nobody")]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert enforced.login_path in answers[0].content.decode()
    known, unknown = map(_without_tokens, answers)
    assert known == unknown


@pytest.mark.parametrize(("path", "field"), [("/sign-in/code", "email"), ("/account/password/reset", "email")])
def test_mail_is_no_way_around(enforced, path, field):
    create_user(email=enforced.email("ann"))

    assert Client().post(path, {field: enforced.email("ann")}).status_code == 403


def test_another_address_is_no_way_around(enforced, saml_idp):
    """With an address of their own they would have a password again, and keep it when they leave."""
    client = Client()
    request_id = begin_saml(client, enforced)
    person = {"NameID": "a", "Email": enforced.email("ann")}
    post_response(client, enforced, saml_idp.respond(enforced.metadata, person=person, request_id=request_id))

    answer = client.post("/account/email", {"action_add": "", "email": f"ann@{new_domain()}"})

    assert "requires single sign-on" in answer.content.decode()
    assert EmailAddress.objects.filter(user__email=person["Email"]).count() == 1


def test_link_of_the_operator_lets_an_organization_admin_in_and_is_audited(enforced):
    boss = make_member(enforced.cast.org, enforced.email("boss"), Role.ORGANIZATION_ADMIN)
    client = Client()

    client.post(f"/sign-in/link/{issue_sign_in_link(user=boss)}")

    assert client.session.get("_auth_user_id") == str(boss.pk)
    with org_scope(enforced.cast.org_id):
        found = AuditEvent.objects.for_org(enforced.cast.org_id).filter(action="sso.break_glass").get()
    assert (found.actor_label, found.result) == (boss.email, "success")


def test_link_of_the_operator_lets_nobody_else_in(enforced):
    editor = make_member(enforced.cast.org, enforced.email("editor"), Role.EDITOR)
    client = Client()

    answer = client.post(f"/sign-in/link/{issue_sign_in_link(user=editor)}")

    assert (answer.status_code, client.session.get("_auth_user_id")) == (403, None)


def test_people_of_other_domains_sign_in_as_before(enforced):
    client, answer = password_sign_in(enforced.cast.owner.email)

    assert (answer.status_code, client.session["_auth_user_id"]) == (302, str(enforced.cast.owner.pk))


def test_enforcing_needs_a_test_that_worked(saml_idp):
    sso = make_saml(saml_idp)
    with org_scope(sso.cast.org_id):
        domain = selectors.domains(sso.cast.org_id).get(name=sso.domain)

    with pytest.raises(ConflictError, match="test sign-in"):
        domains.set_domain(
            org_id=sso.cast.org_id,
            domain_id=domain.id,
            connection_id=sso.connection.id,
            is_enforced=True,
            actor=sso.cast.actor,
        )


def test_page_of_single_sign_on_depends_on_the_domain_only(enforced):
    create_user(email=enforced.email("ann"))

    pages = [Client().get("/account/sso", {"email": enforced.email(name)}) for name in ("ann", "nobody")]

    assert all(enforced.login_path in page.content.decode() for page in pages)
    assert "No organization here" in Client().get("/account/sso", {"email": "a@nobody.example"}).content.decode()
    assert make_cast("outsider").org.name not in pages[0].content.decode()


def _without_tokens(answer):
    return re.sub(r"\w{64}", "", answer.content.decode())
