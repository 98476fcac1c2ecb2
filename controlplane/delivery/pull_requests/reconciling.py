"""What Git hosts say of repositories and pull requests, brought into our rows. Webhooks are hints; asking is what counts.

Every repository is asked again within DAGGERBOARD_RECONCILE_SECONDS, so that no webhook is needed for anything. Nothing ends because a
host is out of order: only after it has said for DAGGERBOARD_GONE_GRACE_SECONDS, at every look, that there is no such thing for us.
"""

import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from controlplane.core import background
from controlplane.delivery.connections.clients import client_of
from controlplane.delivery.hosts.base import (
    GitHost,
    HostConnectionGoneError,
    HostGoneError,
    HostRefusedError,
    HostUnavailableError,
)
from controlplane.delivery.models import BranchMode, GitConnection, PullRequest, PullRequestState, Repository
from controlplane.delivery.pull_requests import default_branch, host_facts
from tenants.errors import AppError
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

TASK = "delivery.reconcile_repository"


def sweep() -> None:
    """Wake a task for every repository whose time has come. One for which nothing is, or would be, deployed is left alone."""
    due = Repository.objects.across_orgs(reason="repositories to be asked for their pull requests")
    lives = PullRequest.objects.across_orgs(reason="repositories to be asked for their pull requests")
    deployed = lives.filter(state=PullRequestState.OPEN, deployment_id__isnull=False).values("repository_id")
    wanted = ~Q(mode=BranchMode.OFF) | Q(deploys_default_branch=True) | Q(id__in=deployed)
    for org_id, repository_id in due.filter(wanted, reconcile_due_at__lte=Now()).values_list("org_id", "id"):
        ids = {"org_id": str(org_id), "repository_id": str(repository_id)}
        background.wake_task(TASK, ids, expires=settings.DELIVERY_LEASE_SECONDS)


def reconcile(*, org_id: UUID, repository_id: UUID) -> None:
    """Ask for the repository and its open pull requests, and by number for those of ours that are not among them."""
    lease = _claim(org_id, repository_id)
    if lease is None:
        return
    repository = _repository(org_id, repository_id)
    host: GitHost | None = None
    try:
        host = client_of(repository.connection)
        _ask(host, repository)
    except HostUnavailableError as error:
        _note(repository, lease, error.message, pause=error.retry_after or 0)
    except HostGoneError as error:
        _note_gone(repository, lease, error, whole=isinstance(error, HostConnectionGoneError))
    except HostRefusedError as error:
        _note_gone(repository, lease, error, whole=error.is_unauthenticated)
    except AppError as error:
        _note(repository, lease, error.message)
    else:
        _note(repository, lease, "")
        default_branch.deploy(host=host, repository=_repository(org_id, repository_id))


def _claim(org_id: UUID, repository_id: UUID) -> datetime.datetime | None:
    """Move its due time on, so that nobody else asks meanwhile; that time, None when it is not due."""
    until = timezone.now() + datetime.timedelta(seconds=settings.DELIVERY_LEASE_SECONDS)
    with org_scope(org_id):
        rows = Repository.objects.for_org(org_id).filter(id=repository_id, reconcile_due_at__lte=Now())
        return until if rows.update(reconcile_due_at=until) else None


def _repository(org_id: UUID, repository_id: UUID) -> Repository:
    with org_scope(org_id):
        return Repository.objects.for_org(org_id).select_related("connection").get(id=repository_id)


def _ask(host: GitHost, repository: Repository) -> None:
    external_id = repository.external_id
    host_facts.note_repository(repository, host.repository(external_id))
    seen = set()
    for found in host.open_pull_requests(external_id):
        seen.add(found.number)
        host_facts.note_pull_request(repository, found)
    # A list that is read page by page may lack some that are open: none is believed to have ended before it was asked for.
    for number in sorted(set(host_facts.open_numbers(repository)) - seen):
        ask_pull_request(host, repository, number)
    host_facts.look_at_all(repository)
    if repository.deploys_default_branch:
        host_facts.note_head(repository, host.branch_head(external_id, repository.default_branch))


def ask_pull_request(host: GitHost, repository: Repository, number: int) -> None:
    """Ask for one pull request. One that is not there any more ends after the grace."""
    try:
        found = host.pull_request(repository.external_id, number)
    except HostConnectionGoneError:
        raise
    except HostGoneError:
        # A repository that is gone says the same of all its pull requests.
        host.repository(repository.external_id)
        host_facts.note_missing(repository, number)
    else:
        host_facts.note_pull_request(repository, found)


def _note(repository: Repository, lease: datetime.datetime, problem: str, *, pause: float = 0.0) -> None:
    """How it went, and when to ask again. Whoever asked for an earlier look meanwhile gets it."""
    org_id, again = repository.org_id, timezone.now() + _pause(pause)
    with org_scope(org_id):
        rows = Repository.objects.for_org(org_id).filter(id=repository.id)
        rows.filter(reconcile_due_at=lease).update(reconcile_due_at=again)
        rows.update(error=problem[:500])
        if not problem:
            rows.update(reconciled_at=Now(), gone_at=None)
            known = GitConnection.objects.for_org(org_id).filter(id=repository.connection_id, gone_at__isnull=False)
            known.update(gone_at=None, error="")
    if problem:
        log.warning("repository.not_reconciled", org=str(org_id), repository=repository.full_name, error=problem)


def _pause(asked: float) -> datetime.timedelta:
    return datetime.timedelta(seconds=max(settings.RECONCILE_SECONDS, asked))


def _note_gone(repository: Repository, lease: datetime.datetime, error: AppError, *, whole: bool) -> None:
    """The host says that it is not there, or not for us (`whole`: nor is anything of the connection). After the grace, it is believed."""
    _note(repository, lease, error.message)
    org_id = repository.org_id
    with org_scope(org_id):
        rows = Repository.objects.for_org(org_id).filter(id=repository.id)
        rows.update(gone_at=Coalesce("gone_at", Now()))
        if whole:
            connection = GitConnection.objects.for_org(org_id).filter(id=repository.connection_id)
            connection.update(gone_at=Coalesce("gone_at", Now()), error=error.message[:500])
        since = timezone.now() - datetime.timedelta(seconds=settings.GONE_GRACE_SECONDS)
        if rows.filter(gone_at__lte=since).exists():
            host_facts.note_all_gone(repository)
