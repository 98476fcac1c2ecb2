"""Sweeps of pull requests and webhooks: who waits longest comes first, and nobody waits behind a row that cannot be handled."""

import datetime

import pytest
from django.db.models.functions import Now

from controlplane.core import recordsets
from controlplane.delivery.connections import news
from controlplane.delivery.models import PullRequest, WebhookDelivery
from controlplane.delivery.pull_requests import attending
from tenants.scoping import org_scope
from tests.delivery.following import follow


@pytest.fixture
def followed(cast, github):
    return follow(cast, github)


def test_pull_request_that_waits_longest_comes_first(followed):
    for number in (1, 2, 3):
        followed.open(f"feature-{number}")
    followed.handle_news()
    with org_scope(followed.org_id):
        for number, years in ((1, 1), (2, 3), (3, 2)):
            rows = PullRequest.objects.for_org(followed.org_id).filter(number=number)
            rows.update(work_due_at=Now() - datetime.timedelta(days=years * 365))
    due = recordsets.fetch(attending._DUE, {"most": 3}, using="door")
    assert due == [(followed.org_id, followed.pull(number).id) for number in (2, 3, 1)]


def test_nobody_waits_behind_a_webhook_that_cannot_be_handled(followed, monkeypatch):
    followed.open("one")
    followed.open("two")
    with org_scope(followed.org_id):
        rows = WebhookDelivery.objects.for_org(followed.org_id).filter(handled_at=None)
        first, *others = rows.order_by("received_at").values_list("delivery_id", flat=True)
        rows.filter(delivery_id=first).update(news={"nonsense": True}, received_at=Now() - datetime.timedelta(days=9))
        rows.exclude(delivery_id=first).update(received_at=Now() - datetime.timedelta(days=8))
    monkeypatch.setattr(news, "_MOST", 1)

    for _ in range(1 + len(others)):
        news.sweep()

    with org_scope(followed.org_id):
        assert not rows.exists()
        assert PullRequest.objects.for_org(followed.org_id).count() == 2
