"""Facts of hosts as rows: repositories under their own ids, pull requests by number, older news never over newer."""

import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now

from controlplane.delivery.connections.repositories import take_facts
from controlplane.delivery.hosts.base import PullRequestFacts, RepositoryFacts
from controlplane.delivery.models import PullRequest, PullRequestState, Repository
from controlplane.delivery.pull_requests.waking import wake
from controlplane.deployments.models import BranchDeployment
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

_STATES = {"open": PullRequestState.OPEN, "closed": PullRequestState.CLOSED, "merged": PullRequestState.MERGED}
_MAX = {"title": 300, "url": 500, "author": 200, "head_branch": 300, "head_repository": 300, "base_branch": 300}


def note_repository(repository: Repository, found: RepositoryFacts) -> None:
    """What it is called now. Its branch deployments go with it: they are found by its name."""
    org_id, before = repository.org_id, repository.full_name
    with org_scope(org_id):
        take_facts(repository, found)
        if repository.full_name != before:
            _rename(repository, before)


def _rename(repository: Repository, before: str) -> None:
    """Other branch deployments may have these names: of a repository that was called so, or told of by CI. Theirs stay theirs.

    Those of ours that keep the old name are found by the repository's own id, as long as they live.
    """
    name, known = repository.full_name, BranchDeployment.objects.for_org(repository.org_id)
    taken = list(known.filter(repository=name).values_list("pull_request", "branch"))
    numbers = [number for number, _branch in taken if number is not None]
    names = [branch for number, branch in taken if number is None]
    own = known.filter(repository_id=repository.id).exclude(repository=name).exclude(pull_request__in=numbers)
    renamed = own.exclude(pull_request=None, branch__in=names).update(repository=name)
    log.info("repository.renamed", org=str(repository.org_id), before=before, after=name, branches=renamed)


def note_pull_request(repository: Repository, found: PullRequestFacts) -> None:
    """Store what the host says of it now, and have somebody look after it where something changed. One that ended unknown stays so."""
    org_id, state = repository.org_id, _STATES[found.state]
    with org_scope(org_id):
        rows = PullRequest.objects.for_org(org_id).filter(repository=repository, number=found.number)
        if state != PullRequestState.OPEN and not rows.exists():
            return
        fresh = PullRequest(
            org_id=org_id, repository=repository, number=found.number, **_columns(found), work_due_at=Now()
        )
        PullRequest.unscoped.bulk_create([fresh], ignore_conflicts=True)
        known = rows.select_for_update().get()
        if found.updated_at < known.updated_at:
            # Older news is no news of it, but the host knows it.
            rows.filter(gone_at__isnull=False).update(gone_at=None)
            return
        changed = known.gone_at is not None or any(getattr(known, n) != v for n, v in _columns(found).items())
        if known.id != fresh.id and not changed:
            return
        for name, value in _columns(found).items():
            setattr(known, name, value)
        known.gone_at, known.work_due_at = None, Now()
        known.save(update_fields=[*_columns(found), "gone_at", "work_due_at"])
        wake(org_id, known.id)


def _columns(found: PullRequestFacts) -> dict[str, object]:
    texts = {name: getattr(found, name)[:most] for name, most in _MAX.items()}
    return {
        "state": _STATES[found.state],
        "head_sha": found.head_sha,
        "is_fork": found.is_fork,
        "labels": list(found.labels),
        "updated_at": found.updated_at,
        **texts,
    }


def open_numbers(repository: Repository) -> list[int]:
    """Those that are open as far as we know."""
    with org_scope(repository.org_id):
        return list(_open(repository).values_list("number", flat=True))


def note_missing(repository: Repository, number: int) -> None:
    """The host does not know it. It ends when the host has said so for the whole grace."""
    org_id = repository.org_id
    with org_scope(org_id):
        rows = _open(repository).filter(number=number)
        rows.filter(gone_at=None).update(gone_at=Now())
        since = Now() - datetime.timedelta(seconds=settings.GONE_GRACE_SECONDS)
        _end(org_id, list(rows.filter(gone_at__lte=since).values_list("id", flat=True)))


def note_all_gone(repository: Repository) -> None:
    """The repository is not there for us any more: all its pull requests end."""
    with org_scope(repository.org_id):
        _end(repository.org_id, list(_open(repository).values_list("id", flat=True)))


def look_at_all(repository: Repository) -> None:
    """Have every open pull request looked after: its settings may have changed, or a wake-up may have been lost."""
    with org_scope(repository.org_id):
        _open(repository).filter(work_due_at=None).update(work_due_at=Now())


def _open(repository: Repository) -> QuerySet[PullRequest]:
    return PullRequest.objects.for_org(repository.org_id).filter(repository=repository, state=PullRequestState.OPEN)


def _end(org_id: UUID, ids: list[UUID]) -> None:
    PullRequest.objects.for_org(org_id).filter(id__in=ids).update(state=PullRequestState.GONE, work_due_at=Now())
    for pull_request_id in ids:
        wake(org_id, pull_request_id)
