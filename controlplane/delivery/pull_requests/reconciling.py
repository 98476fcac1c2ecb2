"""What Git hosts say of repositories and pull requests, brought into our rows. Webhooks are hints; asking is what counts.

Every repository is asked again within DAGGERBOARD_RECONCILE_SECONDS, so that no webhook is needed for anything. Nothing ends because a
host is out of order, or refuses us: only after it has said for DAGGERBOARD_GONE_GRACE_SECONDS, at every look, that there is no such
repository or connection for us (404, 410), or that our credential is none any more (401). A 403 is none of that: lists of allowed
addresses, single sign-on and suspended apps come back.
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
    RepositoryFacts,
)
from controlplane.delivery.models import BranchMode, GitConnection, PullRequest, PullRequestState, Repository
from controlplane.delivery.pull_requests import default_branch, host_facts
from tenants.errors import AppError
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

TASK = "delivery.reconcile_repository"
# How many one sweep wakes: those that wait longest. The next one comes in seconds.
_MOST = 500


def sweep() -> None:
    """Wake a task for every repository whose time has come. One for which nothing is, or would be, deployed is left alone."""
    due = Repository.objects.across_orgs(reason="repositories to be asked for their pull requests")
    lives = PullRequest.objects.across_orgs(reason="repositories to be asked for their pull requests")
    deployed = lives.filter(state=PullRequestState.OPEN, deployment_id__isnull=False).values("repository_id")
    wanted = ~Q(mode=BranchMode.OFF) | Q(deploys_default_branch=True) | Q(id__in=deployed)
    late = due.filter(wanted, reconcile_due_at__lte=Now()).order_by("reconcile_due_at")
    for org_id, repository_id in late.values_list("org_id", "id")[:_MOST]:
        ids = {"org_id": str(org_id), "repository_id": str(repository_id)}
        background.wake_task(TASK, ids, expires=settings.DELIVERY_LEASE_SECONDS)


def reconcile(*, org_id: UUID, repository_id: UUID) -> None:
    """Ask for the repository and its open pull requests, and by number for those of ours that are not among them."""
    lease = _claim(org_id, repository_id)
    if lease is None:
        return
    repository = _repository(org_id, repository_id)
    try:
        host = client_of(repository.connection)
        found = host.repository(repository.external_id)
    except HostUnavailableError as error:
        _note(repository, lease, error.message, pause=error.retry_after or 0)
    except HostGoneError as error:
        _note_gone(repository, lease, error, whole=isinstance(error, HostConnectionGoneError))
    except AppError as error:
        if isinstance(error, HostRefusedError) and error.is_unauthenticated:
            _note_gone(repository, lease, error, whole=True)
        else:
            _note(repository, lease, error.message)
    else:
        _go_on(host, repository, found, lease)


def _go_on(host: GitHost, repository: Repository, found: RepositoryFacts, lease: datetime.datetime) -> None:
    """The host knows the repository. Whatever it answers from here on, nothing is gone."""
    try:
        _ask(host, repository, found)
    except HostUnavailableError as error:
        _note(repository, lease, error.message, pause=error.retry_after or 0)
    except AppError as error:
        _note(repository, lease, error.message)
    else:
        _note(repository, lease, "")
        default_branch.deploy(host=host, repository=_repository(repository.org_id, repository.id))


def _claim(org_id: UUID, repository_id: UUID) -> datetime.datetime | None:
    """Move its due time on, so that nobody else asks meanwhile; that time, None when it is not due."""
    until = Now() + datetime.timedelta(seconds=settings.DELIVERY_LEASE_SECONDS)
    with org_scope(org_id):
        rows = Repository.objects.for_org(org_id).filter(id=repository_id, reconcile_due_at__lte=Now())
        if not rows.update(reconcile_due_at=until):
            return None
        known = Repository.objects.for_org(org_id).filter(id=repository_id)
        return known.values_list("reconcile_due_at", flat=True).get()


def _repository(org_id: UUID, repository_id: UUID) -> Repository:
    with org_scope(org_id):
        return Repository.objects.for_org(org_id).select_related("connection").get(id=repository_id)


def _ask(host: GitHost, repository: Repository, found: RepositoryFacts) -> None:
    host_facts.note_repository(repository, found)
    seen = set()
    for pull in host.open_pull_requests(repository.external_id):
        seen.add(pull.number)
        host_facts.note_pull_request(repository, pull)
    # A list that is read page by page may lack some that are open: none is believed to have ended before it was asked for.
    for number in sorted(set(host_facts.open_numbers(repository)) - seen):
        ask_pull_request(host, repository, number)
    host_facts.look_at_all(repository)
    if repository.deploys_default_branch:
        _ask_head(host, repository)


def _ask_head(host: GitHost, repository: Repository) -> None:
    asked_at = timezone.now()
    try:
        sha = host.branch_head(repository.external_id, repository.default_branch)
    except HostGoneError:
        # Without a commit yet, or the branch is being renamed: there is nothing to deploy.
        return
    default_branch.note_head(repository, sha, asked_at)


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


def _note(
    repository: Repository, lease: datetime.datetime, problem: str, *, pause: float = 0.0, is_gone: bool = False
) -> None:
    """How it went, and when to ask again. Whoever asked for an earlier look meanwhile gets it."""
    org_id, again = repository.org_id, Now() + _pause(pause)
    with org_scope(org_id):
        rows = Repository.objects.for_org(org_id).filter(id=repository.id)
        rows.filter(reconcile_due_at=lease).update(reconcile_due_at=again)
        rows.update(error=problem[:500])
        if not is_gone:
            # Said at every look, or begun anew.
            rows.update(gone_at=None)
        if not problem:
            rows.update(reconciled_at=Now())
            known = GitConnection.objects.for_org(org_id).filter(id=repository.connection_id, gone_at__isnull=False)
            known.update(gone_at=None, error="")
    if problem:
        log.warning("repository.not_reconciled", org=str(org_id), repository=repository.full_name, error=problem)


def _pause(asked: float) -> datetime.timedelta:
    return datetime.timedelta(seconds=max(settings.RECONCILE_SECONDS, asked))


def _note_gone(repository: Repository, lease: datetime.datetime, error: AppError, *, whole: bool) -> None:
    """The host says that it is not there, or not for us (`whole`: nor is anything of the connection). After the grace, it is believed."""
    _note(repository, lease, error.message, is_gone=True)
    org_id = repository.org_id
    with org_scope(org_id):
        rows = Repository.objects.for_org(org_id).filter(id=repository.id)
        rows.update(gone_at=Coalesce("gone_at", Now()))
        if whole:
            connection = GitConnection.objects.for_org(org_id).filter(id=repository.connection_id)
            connection.update(gone_at=Coalesce("gone_at", Now()), error=error.message[:500])
        since = Now() - datetime.timedelta(seconds=settings.GONE_GRACE_SECONDS)
        if rows.filter(gone_at__lte=since).exists():
            host_facts.note_all_gone(repository)
