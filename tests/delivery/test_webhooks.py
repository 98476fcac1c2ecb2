"""Webhooks of Git hosts (promise: replay, wrong secret and huge bodies are refused, and change nothing)."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from urllib.parse import urlencode

import pytest
from django.test import Client, override_settings
from django.utils import timezone

from controlplane.core import rate_limits
from controlplane.delivery.connections import webhooks
from controlplane.delivery.hosts.base import NewsKind
from controlplane.delivery.models import WebhookDelivery
from tenants.scoping import org_scope
from tests.delivery.connected import connect, receiver


@pytest.fixture
def connected(cast, host):
    host.add_repository("acme/shop")
    return connect(cast, host)


@pytest.fixture
def shop(connected, host):
    return next(iter(host.repositories.values()))


def kept(connected):
    with org_scope(connected.org_id):
        rows = webhooks.deliveries(connected.org_id, connected.connection.id)
        return list(rows.order_by("received_at"))


def waiting(connected):
    """The news that nobody has handled."""
    return [webhooks.news_of(row) for row in kept(connected) if row.handled_at is None]


def test_news_of_a_pull_request_wait_to_be_handled(connected, host, shop):
    shop.push("work", {"n": "1"})
    pull = shop.open_pull_request("work")
    found = waiting(connected)
    assert [one.kind for one in found] == [NewsKind.PUSH, NewsKind.PULL_REQUEST]
    assert found[1].number == pull.number
    assert found[1].repository_id == str(shop.id)
    assert {answer for one in host.outbox.sent for answer in one.answers} == {202}


def test_replay_changes_nothing(connected, host, shop):
    host.outbox.repeats = 3
    shop.push("work", {"n": "1"})
    (sent,) = host.outbox.sent
    assert sent.answers == [202, 200, 200]
    with org_scope(connected.org_id):
        webhooks.deliveries(connected.org_id).update(handled_at=timezone.now())
    assert host.outbox.redeliver(sent) == 200
    assert waiting(connected) == []


def test_wrong_secret_and_unknown_connection_are_answered_alike(connected, host, shop, outsider):
    host.webhook_secret = "another secret of nobody"
    shop.push("work", {"n": "1"})
    (sent,) = host.outbox.sent
    assert sent.answers == [401]

    def answer(path):
        found = Client().generic("POST", path, sent.body, content_type="application/json", headers=sent.headers)
        return found.status_code, found.json()

    assert answer(connected.path) == answer(f"/webhooks/git/{uuid.uuid4()}")
    assert kept(connected) == []


def test_webhook_of_one_organization_is_not_another_ones(connected, host, shop, outsider):
    """The address decides, and its secret: one that is signed for a connection does nothing at another."""
    known = host.webhook_secret
    host.webhook_secret = "the secret of the other organization"
    other = connect(outsider, host)
    host.webhook_secret = known
    shop.push("work", {"n": "1"})
    (sent,) = host.outbox.sent
    assert sent.answers == [401]
    assert kept(other) == kept(connected) == []
    assert receiver(connected.path)(sent.headers, sent.body) == 202
    assert kept(other) == []


def test_changed_body_is_refused(cast, github):
    shop = github.add_repository("acme/shop")
    connected = connect(cast, github)
    github.outbox.holds = True
    shop.push("work", {"n": "1"})
    (one,) = github.outbox.waiting
    one.body = one.body.replace(b"refs/heads/work", b"refs/heads/main")
    github.outbox.release()
    assert one.answers == [401]
    assert kept(connected) == []


def test_huge_body_is_refused_unread(connected, host):
    with override_settings(WEBHOOK_MAX_BYTES=1000):
        answer = Client().generic("POST", connected.path, b"x" * 1001, content_type="application/json")
    assert answer.status_code == 413
    assert "DAGGERBOARD_WEBHOOK_MAX_BYTES" in answer.json()["detail"]


def test_body_beyond_what_django_keeps_is_taken(connected, host, shop):
    """Django's own limit is below that of hosts."""
    payload = json.dumps({"ref": "refs/tags/v1", "object_kind": "push", "filler": "x" * (11 * 1024**2)}).encode()
    headers = host.headers("push", payload) if host.provider == "github" else host.headers("Push Hook")
    assert receiver(connected.path)(headers, payload) == 202


def test_form_encoded_webhook_is_read(cast, github):
    connected = connect(cast, github)
    body = urlencode({"payload": json.dumps({"ref": "refs/heads/work", "after": "a" * 40})}).encode()
    headers = {**github.headers("push", body), "Content-Type": "application/x-www-form-urlencoded"}
    assert receiver(connected.path)(headers, body) == 202
    (found,) = waiting(connected)
    assert (found.branch, found.sha) == ("work", "a" * 40)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b"payload=1", b'{"a":' * 50_000])
def test_signed_nonsense_is_a_clear_error(connected, host, body):
    headers = host.headers("push", body) if host.provider == "github" else host.headers("Push Hook")
    assert receiver(connected.path)(headers, body) == 400
    assert kept(connected) == []


def test_text_that_postgres_does_not_have_is_taken(cast, github):
    connected = connect(cast, github)
    body = b'{"ref": "refs/heads/a\\u0000b\\ud800", "after": "1"}'
    assert receiver(connected.path)(github.headers("push", body), body) == 202
    (found,) = waiting(connected)
    assert found.branch == "ab?"


def test_ping_shows_that_it_works_and_waits_for_nobody(cast, github):
    connected = connect(cast, github)
    assert github.ping().answers == [202]
    (row,) = kept(connected)
    assert (row.event, row.handled_at is not None) == ("ping", True)


def test_another_installation_of_the_app_is_no_news(cast, github):
    connected = connect(cast, github)
    body = json.dumps({"ref": "refs/heads/work", "after": "1" * 40, "installation": {"id": 1}}).encode()
    assert receiver(connected.path)(github.headers("push", body), body) == 202
    assert waiting(connected) == []


def test_pressed_button_is_an_action(cast, github):
    shop = github.add_repository("acme/shop")
    connected = connect(cast, github)
    body = {
        "action": "requested_action",
        "check_run": {"head_sha": "b" * 40, "pull_requests": []},
        "requested_action": {"identifier": "approve"},
        "repository": {"id": shop.id},
        "sender": {"login": "ada"},
    }
    text = json.dumps(body).encode()
    receiver(connected.path)(github.headers("check_run", text), text)
    (found,) = waiting(connected)
    assert (found.kind, found.action, found.actor, found.sha) == (NewsKind.ACTION, "approve", "ada", "b" * 40)


def signed(secret, body, *, moment, key=None):
    digest = hmac.new(key or secret.encode(), f"id-1.{moment}.".encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "X-Gitlab-Event": "Push Hook",
        "webhook-id": "id-1",
        "webhook-timestamp": str(moment),
        "webhook-signature": f"v1,bm9uZQ== v1,{base64.b64encode(digest).decode()}",
    }


def test_gitlabs_signing_token_is_verified(cast, gitlab):
    key = b"k" * 32
    gitlab.webhook_secret = "whsec_" + base64.b64encode(key).decode()
    connected = connect(cast, gitlab)
    body = json.dumps({"object_kind": "push", "ref": "refs/heads/work", "after": "1" * 40}).encode()
    now, post = int(time.time()), receiver(connected.path)
    assert post(signed("", body + b" ", moment=now, key=key), body) == 401
    assert post(signed("", body, moment=now - 3600, key=key), body) == 401
    assert post(signed("", body, moment=now, key=b"o" * 32), body) == 401
    wrong = signed("", body, moment=now, key=b"o" * 32) | {"X-Gitlab-Token": gitlab.webhook_secret}
    assert post(wrong, body) == 401
    assert post(signed("", body, moment=now, key=key), body) == 202
    assert post(signed("", body, moment=now, key=key), body) == 200


def test_too_many_are_asked_to_wait(connected, host):
    rate_limits.take(f"webhook:{connected.connection.id}:127.0.0.1", per_second=20, burst=600, cost=60_000)
    answer = Client().post(connected.path, b"{}", content_type="application/json")
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1
    assert Client().get(connected.path).status_code == 405


def test_old_deliveries_are_forgotten(connected, host, shop):
    shop.push("work", {"n": "1"})
    shop.push("work", {"n": "2"})
    old, _new = kept(connected)
    with org_scope(connected.org_id):
        rows = WebhookDelivery.objects.for_org(connected.org_id).filter(delivery_id=old.delivery_id)
        rows.update(received_at=old.received_at - webhooks.KEPT_FOR)
    webhooks.sweep()
    assert old.delivery_id not in {row.delivery_id for row in kept(connected)}
    assert len(kept(connected)) == 1
