"""What webhooks tell: each is a hint, after which the host is asked. A lost, repeated or late one changes nothing in the end."""

from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from controlplane.core.background import enqueue
from controlplane.delivery.branches import approvals
from controlplane.delivery.connections.clients import client_of
from controlplane.delivery.connections.webhooks import news_of
from controlplane.delivery.hosts.base import GitHost, News, NewsKind
from controlplane.delivery.models import GitConnection, PullRequest, PullRequestState, Repository, WebhookDelivery
from controlplane.delivery.pull_requests.reconciling import TASK, ask_pull_request
from tenants.access import Actor, ActorKind
from tenants.errors import AppError, ConflictError
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

# Identifiers of the buttons of our checks.
APPROVE, REBUILD = "approve", "rebuild"
_REREQUESTED = "rerequested"
# A wake-up that was not lost has been handled by then.
_LATE = timedelta(seconds=20)
# How many one sweep handles, those that wait longest.
_MOST = 200
# How long the press of a button waits for a host that does not answer: no poll finds it again.
_PATIENCE = timedelta(minutes=10)


def sweep() -> None:
    """Handle webhooks whose wake-up was lost."""
    rows = WebhookDelivery.objects.across_orgs(reason="webhooks that nobody has handled")
    late = rows.filter(handled_at=None, received_at__lt=Now() - _LATE).order_by("received_at")
    for org_id, connection_id, delivery_id in late.values_list("org_id", "connection_id", "delivery_id")[:_MOST]:
        try:
            handle(org_id=org_id, connection_id=connection_id, delivery_id=delivery_id)
        except Exception:
            # A mistake of ours in one row, or a lost connection: the others are handled all the same.
            log.exception("webhook.not_handled", org=str(org_id), delivery=delivery_id)
            _give_up(org_id, connection_id, delivery_id)


def _give_up(org_id: UUID, connection_id: UUID, delivery_id: str) -> None:
    """One that could not be handled for long counts as handled, so that nobody waits behind it: the poll finds what it was about."""
    with suppress(DatabaseError), org_scope(org_id):
        told = WebhookDelivery.objects.for_org(org_id).filter(connection_id=connection_id, delivery_id=delivery_id)
        told.filter(received_at__lt=Now() - _PATIENCE).update(handled_at=Now())


def handle(*, org_id: UUID, connection_id: UUID, delivery_id: str) -> None:
    """Ask the host about what a webhook is about. A host that does not answer now is asked by the poll, which comes soon.

    A button that was pressed is asked about again for some minutes.
    """
    with org_scope(org_id):
        told = WebhookDelivery.objects.for_org(org_id).filter(connection_id=connection_id, delivery_id=delivery_id)
        row = told.filter(handled_at=None).select_related("connection").first()
    if row is None:
        return
    news = news_of(row)
    try:
        _act(row.connection, news)
    except AppError as error:
        waits = news.kind == NewsKind.ACTION and timezone.now() - row.received_at < _PATIENCE
        event = "webhook.postponed" if waits or news.kind != NewsKind.ACTION else "webhook.button_lost"
        log.warning(event, org=str(org_id), delivery=delivery_id, button=news.action, error=error.message)
        if waits:
            return
        _reconcile_soon(org_id, _repositories(row.connection, news))
    with org_scope(org_id):
        told.update(handled_at=Now())


def _act(connection: GitConnection, news: News) -> None:
    match news.kind:
        case NewsKind.PULL_REQUEST if news.number is not None:
            for repository in _found(connection, news):
                ask_pull_request(client_of(connection), repository, news.number)
        case NewsKind.PUSH | NewsKind.REPOSITORY | NewsKind.CONNECTION | NewsKind.PULL_REQUEST:
            _reconcile_soon(connection.org_id, _repositories(connection, news))
        case NewsKind.ACTION:
            for repository in _found(connection, news):
                _press(client_of(connection), repository, news)
        case NewsKind.NOTHING:
            pass


def _repositories(connection: GitConnection, news: News) -> QuerySet[Repository]:
    """Those that the news are about: one, or all of the connection."""
    rows = Repository.objects.for_org(connection.org_id).filter(connection_id=connection.id)
    rows = rows.filter(external_id=news.repository_id) if news.repository_id else rows
    # Pushes to other branches come as news of their pull requests.
    return rows.filter(default_branch=news.branch) if news.kind == NewsKind.PUSH else rows


def _found(connection: GitConnection, news: News) -> list[Repository]:
    with org_scope(connection.org_id):
        return list(_repositories(connection, news).select_related("connection"))


def _reconcile_soon(org_id: UUID, rows: QuerySet[Repository]) -> None:
    with org_scope(org_id):
        rows.update(reconcile_due_at=Now())
        for repository_id in rows.values_list("id", flat=True):
            enqueue(TASK, org_id=org_id, repository_id=repository_id)


def _press(host: GitHost, repository: Repository, news: News) -> None:
    """A button was pressed. SECURITY: by somebody who may push to the repository, which the host is asked."""
    if not news.actor or not host.may_write(repository.external_id, news.actor):
        log.warning("pull_request.button_refused", org=str(repository.org_id), actor=news.actor, button=news.action)
        return
    actor = Actor(kind=ActorKind.SYSTEM, id=None, label=f"{news.actor} at {repository.full_name}"[:254])
    for pull in _pulls(repository, news):
        try:
            if news.action == APPROVE:
                approvals.approve(org_id=repository.org_id, pull_request_id=pull.id, sha=news.sha, actor=actor)
            elif news.action in {REBUILD, _REREQUESTED} and pull.deployment_id is not None:
                approvals.rebuild(org_id=repository.org_id, deployment_id=pull.deployment_id, actor=actor)
        except ConflictError as error:
            log.info("pull_request.button_late", org=str(repository.org_id), error=error.message)


def _pulls(repository: Repository, news: News) -> list[PullRequest]:
    """A fork's pull request is found by the commit that the button is about."""
    with org_scope(repository.org_id):
        rows = PullRequest.objects.for_org(repository.org_id).filter(repository=repository, head_sha=news.sha)
        return list(rows.filter(state=PullRequestState.OPEN))
