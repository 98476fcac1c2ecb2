"""Setting up, pausing, testing and deleting streams, by REST and on the page."""

from ipaddress import ip_network

import pytest
from django.test import override_settings

from controlplane.audit_log.models import AuditStream
from tenants.scoping import org_scope
from tests.audit_log.receivers import webhook


@pytest.fixture(autouse=True)
def loopback_is_named():
    with override_settings(OUTBOUND_ALLOWED_NETWORKS=[ip_network("127.0.0.0/8")]):
        yield


def streams(cast):
    with org_scope(cast.org_id):
        return list(AuditStream.objects.for_org(cast.org_id))


def test_stream_by_rest(cast):
    path, api = f"/api/v1/organizations/{cast.org.slug}/audit-streams/", cast.api()
    with webhook() as hook:
        body = {"name": "siem", "kind": "webhook", "setup": {"url": hook.url, "authorization": "Bearer sekrit"}}
        made = api.post(path, body, content_type="application/json")
        one = f"{path}{made.json()['id']}/"
        tested = api.post(f"{one}test/")
        hook.status = 500
        failed = api.post(f"{one}test/")

    paused = api.patch(one, {"is_paused": True}, content_type="application/json").json()
    listed = api.get(path).json()["results"]
    gone = api.delete(one)
    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    assert made.json()["signing_secret"].startswith("whsec_")
    assert tested.json() == {"is_taken": True, "problem": ""}
    assert failed.json() == {"is_taken": False, "problem": "It answered with HTTP status 500."}
    assert listed == [paused]
    assert (paused["is_paused"], paused["config"]) == (True, {"url": hook.url})
    assert b"sekrit" not in api.get(path).content
    assert (gone.status_code, streams(cast)) == (204, [])


def test_setup_that_makes_no_sense_is_refused_in_words(cast):
    body = {"name": "siem", "kind": "syslog", "setup": {"host": "logs.example.com", "port": "x"}}
    answer = cast.api().post(
        f"/api/v1/organizations/{cast.org.slug}/audit-streams/", body, content_type="application/json"
    )

    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "port")


def test_stream_on_the_page(cast):
    page, browser = f"/{cast.org.slug}/settings/audit/streams", cast.signed_in()
    assert "goes nowhere else yet" in browser.get(page).content.decode()
    with webhook() as hook:
        answer = browser.post(page, {"kind": "webhook", "name": "siem", "url": hook.url})
        made = answer.content.decode()
        (stream,) = streams(cast)
        tested = browser.post(f"{page}/{stream.id}/test", follow=True).content.decode()
        hook.status = 500
        failed = browser.post(f"{page}/{stream.id}/test", follow=True).content.decode()

    assert (made.count("whsec_"), answer["Cache-Control"]) == (2, "no-store")
    assert "siem took the test." in tested
    assert "siem did not take the test: It answered with HTTP status 500." in failed
    browser.post(f"{page}/{stream.id}", {"do": "pause"})
    assert [known.is_paused for known in streams(cast)] == [True]
    browser.post(f"{page}/{stream.id}", {"do": "resume"})
    assert [known.is_paused for known in streams(cast)] == [False]
    browser.post(f"{page}/{stream.id}", {"do": "delete"})
    assert streams(cast) == []


def test_form_that_was_refused_keeps_what_was_written_but_no_secret(cast):
    page = f"/{cast.org.slug}/settings/audit/streams"
    given = {"kind": "s3", "name": "box", "bucket": "UPPER", "region": "eu-central-1", "secret_access_key": "sekrit"}
    answer = cast.signed_in().post(page, given)
    text = answer.content.decode()

    assert answer.status_code == 400
    assert "The bucket looks like acme-audit." in text
    assert 'value="UPPER"' in text
    assert "sekrit" not in text
