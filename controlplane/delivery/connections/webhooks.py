"""Webhooks of Git hosts: verified, written down once, and answered; what they mean is done later.

Each that was verified becomes a WebhookDelivery and wakes the task `delivery.handle_webhook` (org_id, connection_id, delivery_id).
A task that was lost leaves its row waiting (`handled_at`).
"""

import dataclasses
import datetime
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from controlplane.core.background import enqueue
from controlplane.delivery.connections.services import read_webhook
from controlplane.delivery.hosts.base import News, NewsKind, Webhook, WebhookRefusedError
from controlplane.delivery.models import GitConnection, WebhookDelivery
from tenants.organizations import is_writable
from tenants.scoping import org_scope

# A replay after this long could be taken for new; what it is about is asked from the host anyway.
KEPT_FOR = datetime.timedelta(days=30)
# What is kept of any word of a webhook: names of branches are the longest that are of use.
_LONGEST = 300


def take(connection_id: UUID, read: Callable[[], Webhook]) -> bool:
    """Verify a webhook and write it down; it is read only when there is such a connection.

    False when it was written down before, or its organization is not active.

    WebhookRefusedError when there is no such connection, or the signature is wrong; InvalidError when it cannot be read.
    """
    reason = "a webhook names a connection; its organization is not known before"
    owners = GitConnection.objects.across_orgs(reason=reason).filter(id=connection_id)
    org_id = owners.values_list("org_id", flat=True).first()
    if org_id is None:
        raise WebhookRefusedError
    webhook = read()
    with org_scope(org_id):
        connection = GitConnection.objects.for_org(org_id).filter(id=connection_id).first()
        if connection is None:
            raise WebhookRefusedError
        news = read_webhook(connection, webhook)
        # Nothing happens for an organization that is not active; it is compared with its hosts when it is again.
        return is_writable(org_id) and _store(org_id, connection_id, news)


def deliveries(org_id: UUID, connection_id: UUID | None = None) -> QuerySet[WebhookDelivery]:
    """Deliveries that are kept; read it inside org_scope."""
    rows = WebhookDelivery.objects.for_org(org_id)
    return rows.filter(connection_id=connection_id) if connection_id else rows


def news_of(delivery: WebhookDelivery) -> News:
    """The news of a stored delivery."""
    return News(**{**delivery.news, "kind": NewsKind(delivery.news["kind"])})


def sweep() -> None:
    """Forget deliveries that are older than KEPT_FOR."""
    before = timezone.now() - KEPT_FOR
    old = WebhookDelivery.objects.across_orgs(reason="webhooks that are kept no longer").filter(received_at__lt=before)
    for org_id in set(old.values_list("org_id", flat=True)):
        with org_scope(org_id):
            deliveries(org_id).filter(received_at__lt=before).delete()


def _store(org_id: UUID, connection_id: UUID, news: News) -> bool:
    """True when it is new, and somebody has to handle it."""
    kept = _kept(news)
    idle = news.kind == NewsKind.NOTHING
    row = WebhookDelivery(
        org_id=org_id,
        connection_id=connection_id,
        delivery_id=kept["delivery_id"],
        event=kept["event"][:60],
        news=kept,
        handled_at=timezone.now() if idle else None,
    )
    known = deliveries(org_id, connection_id).filter(delivery_id=row.delivery_id)
    if known.exists():
        return False
    # Two at the same moment: one of them is stored, and both wake, which changes nothing.
    WebhookDelivery.unscoped.bulk_create([row], ignore_conflicts=True)
    if not idle:
        enqueue("delivery.handle_webhook", org_id=org_id, connection_id=connection_id, delivery_id=row.delivery_id)
    return True


def _kept(news: News) -> dict[str, Any]:
    """News as they are stored: JSON can hold what Postgres has no text for."""

    def clean(value: object) -> object:
        if not isinstance(value, str):
            return value
        return value.encode(errors="replace").decode().replace("\0", "")[:_LONGEST]

    found = {name: clean(value) for name, value in dataclasses.asdict(news).items()}
    return {**found, "kind": news.kind.value, "delivery_id": str(found["delivery_id"])[:100]}
