"""The repositories that connections reach: which there are, and what happens for their pull requests.

A change of settings makes the repository due (`reconcile_due_at`) and wakes the task `delivery.reconcile_repository`, which compares
everything with the host again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from controlplane.core.background import enqueue
from controlplane.delivery.branches.bases import may_write_branches
from controlplane.delivery.connections import services as connections
from controlplane.delivery.hosts.base import RepositoryFacts
from controlplane.delivery.models import BranchMode, CommentMode, Repository
from controlplane.deployments import selectors as deployments
from controlplane.deployments.models import Deployment, DeploymentKind
from controlplane.deployments.visibility import visible_to
from tenants.access import Access, Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import AppError, ConflictError, ForbiddenError, InvalidError, NotFoundError
from tenants.permissions import Permission
from tenants.scoping import org_scope

# A minute, and a year.
_SECONDS = range(60, 366 * 86_400)
_MAX_LABEL, _MAX_EXCLUDED = 100, 20


@dataclass(frozen=True)
class RepositorySettings:
    """All that can be set. `base` is a full deployment, from `base_called`; seconds are None for never."""

    base: Deployment | None
    mode: str
    label: str
    exclude_labels: Sequence[str]
    comment_mode: str
    sleep_after_seconds: int | None
    expire_after_seconds: int | None
    deploys_default_branch: bool


@dataclass(frozen=True)
class Synced:
    """What a look at the host found: how many repositories there are, are new, and are no longer reached."""

    count: int
    added: int
    gone: int


def repositories(org_id: UUID, connection_id: UUID | None = None) -> QuerySet[Repository]:
    """The repositories of an organization, or of one connection, with connection and base; read it inside org_scope."""
    rows = Repository.objects.for_org(org_id).select_related("connection", "base")
    return rows.filter(connection_id=connection_id) if connection_id else rows


def access_repository(org_id: UUID, repository_id: UUID, *, lock: bool = False) -> Repository:
    """One repository; NotFoundError when there is none."""
    with org_scope(org_id):
        rows = repositories(org_id).filter(id=repository_id)
        found = (rows.select_for_update(of=("self",)) if lock else rows).first()
    if found is None:
        raise NotFoundError("There is no such repository.")
    return found


def current_settings(repository: Repository) -> RepositorySettings:
    """What is set."""
    return RepositorySettings(
        base=repository.base,
        mode=repository.mode,
        label=repository.label,
        exclude_labels=tuple(repository.exclude_labels),
        comment_mode=repository.comment_mode,
        sleep_after_seconds=repository.sleep_after_seconds,
        expire_after_seconds=repository.expire_after_seconds,
        deploys_default_branch=repository.deploys_default_branch,
    )


def base_called(access: Access, name: str) -> Deployment | None:
    """The full deployment of a name, None for no name; InvalidError for one that the caller may not know of."""
    if not name:
        return None
    found = next((row for row in possible_bases(access) if row.name == name), None)
    if found is None:
        raise InvalidError(f"There is no full deployment called {name[:100]!r}.", attr="base")
    return found


def possible_bases(access: Access) -> list[Deployment]:
    """Full deployments that the caller may enter, by name."""
    return [row for row in deployments.deployments_for(access) if row.kind == DeploymentKind.FULL]


def sync_repositories(*, org_id: UUID, connection_id: UUID, actor: Actor) -> Synced:
    """Ask the host which repositories the connection reaches. New ones begin with mode off. Not inside a transaction."""
    with org_scope(org_id):
        host = connections.host_of(connections.access_connection(org_id, connection_id))
    try:
        facts = list(host.repositories())
    except AppError as error:
        connections.note_answer(org_id=org_id, connection_id=connection_id, error=error)
        raise
    with org_scope(org_id):
        connection = connections.access_connection(org_id, connection_id, lock=True)
        synced = _store(org_id, connection_id, facts)
        target = AuditTarget("git_connection", connection.id, connection.name)
        after = {"repositories": synced.count, "added": synced.added, "gone": synced.gone}
        record(org_id=org_id, actor=actor, action="git_connection.sync", target=target, after=after)
    connections.note_answer(org_id=org_id, connection_id=connection_id, error=None)
    return synced


def take_facts(repository: Repository, facts: RepositoryFacts) -> None:
    """Write down what the host says of a repository: it is there, and these are its names. Inside org_scope."""
    repository.full_name, repository.web_url = facts.full_name[:300], facts.web_url[:500]
    repository.default_branch, repository.gone_at = facts.default_branch[:300], None
    repository.save(update_fields=["full_name", "web_url", "default_branch", "gone_at"])


def change_repository(*, access: Access, repository_id: UUID, settings: RepositorySettings) -> Repository:
    """`update_repository`, as far as the caller may do by hand what it sets going; ForbiddenError for the rest.

    SECURITY: whoever says which repository is deployed where says which code runs there.
    """
    before, base = current_settings(access_repository(access.org.id, repository_id)), settings.base
    if base is not None:
        is_new = before.base != base
        if is_new or (settings.deploys_default_branch and not before.deploys_default_branch):
            visible_to(access, base).require_on_all(Permission.LOCATION_WRITE)
        opens = settings.mode != BranchMode.OFF and (is_new or settings.mode != before.mode)
        if opens and not may_write_branches(access, base):
            raise ForbiddenError(
                f"This needs the permission {Permission.BRANCH_DEPLOYMENT_WRITE} on all branches of {base.name}.",
                attr="mode",
            )
    return update_repository(org_id=access.org.id, repository_id=repository_id, settings=settings, actor=access.actor)


def update_repository(*, org_id: UUID, repository_id: UUID, settings: RepositorySettings, actor: Actor) -> Repository:
    """Set what happens for the pull requests of a repository. InvalidError names the field that is wrong. The caller may do that."""
    with org_scope(org_id):
        repository = access_repository(org_id, repository_id, lock=True)
        before = _state(repository)
        _apply(repository, settings)
        repository.reconcile_due_at = timezone.now()
        repository.save()
        _note(repository, actor, "update", before=before, after=_state(repository))
        enqueue("delivery.reconcile_repository", org_id=org_id, repository_id=repository_id)
    return repository


def reconcile_now(*, org_id: UUID, repository_id: UUID, actor: Actor) -> Repository:
    """Compare the repository with its host now, instead of at its next turn."""
    with org_scope(org_id):
        repository = access_repository(org_id, repository_id, lock=True)
        missing = connections.missing_values(repository.connection)
        if missing:
            raise ConflictError(f"The connection {repository.connection.name} needs {', '.join(missing)} first.")
        repository.reconcile_due_at = timezone.now()
        repository.save(update_fields=["reconcile_due_at"])
        _note(repository, actor, "reconcile")
        enqueue("delivery.reconcile_repository", org_id=org_id, repository_id=repository_id)
    return repository


def _store(org_id: UUID, connection_id: UUID, facts: Sequence[RepositoryFacts]) -> Synced:
    rows = Repository.objects.for_org(org_id).filter(connection_id=connection_id)
    known = {row.external_id: row for row in rows.select_for_update()}
    fields = [(one, known.get(one.external_id)) for one in facts]
    for one, row in fields:
        if row is not None:
            take_facts(row, one)
    new = [one for one, row in fields if row is None]
    Repository.unscoped.bulk_create(
        Repository(
            org_id=org_id,
            connection_id=connection_id,
            external_id=one.external_id,
            full_name=one.full_name[:300],
            default_branch=one.default_branch[:300],
            web_url=one.web_url[:500],
        )
        for one in new
    )
    missing = set(known) - {one.external_id for one in facts}
    # What is gone is looked at by whoever reconciles: the list alone ends nothing.
    now = timezone.now()
    gone = rows.filter(external_id__in=missing, gone_at=None).update(gone_at=now, reconcile_due_at=now)
    return Synced(len(facts), len(new), gone)


def _apply(repository: Repository, settings: RepositorySettings) -> None:
    if settings.mode not in BranchMode.values:
        raise InvalidError(f"The mode is one of {', '.join(BranchMode.values)}.", attr="mode")
    if settings.comment_mode not in CommentMode.values:
        raise InvalidError(f"Comments are written {', '.join(CommentMode.values)}.", attr="comment_mode")
    repository.base = settings.base
    if repository.base is None and (settings.mode != BranchMode.OFF or settings.deploys_default_branch):
        raise InvalidError("Choose the full deployment that they belong to first.", attr="base")
    repository.mode, repository.comment_mode = settings.mode, settings.comment_mode
    repository.label = _label(settings.label, "label")
    if settings.mode == BranchMode.LABEL and not repository.label:
        raise InvalidError("Say which label a pull request needs.", attr="label")
    excluded = dict.fromkeys(_label(text, "exclude_labels") for text in settings.exclude_labels)
    repository.exclude_labels = [text for text in excluded if text]
    if len(repository.exclude_labels) > _MAX_EXCLUDED:
        raise InvalidError(f"At most {_MAX_EXCLUDED} labels.", attr="exclude_labels")
    repository.sleep_after_seconds = _seconds(settings.sleep_after_seconds, "sleep_after_seconds")
    repository.expire_after_seconds = _seconds(settings.expire_after_seconds, "expire_after_seconds")
    repository.deploys_default_branch = settings.deploys_default_branch


def _label(text: str, attr: str) -> str:
    label = text.strip()
    if len(label) > _MAX_LABEL or not label.isprintable():
        raise InvalidError(f"A label has at most {_MAX_LABEL} printable characters.", attr=attr)
    return label


def _seconds(value: int | None, attr: str) -> int | None:
    if value is not None and value not in _SECONDS:
        raise InvalidError("Between a minute and a year, or never.", attr=attr)
    return value


def _state(repository: Repository) -> dict[str, Any]:
    settings = current_settings(repository)
    base = settings.base.name if settings.base else None
    return {**vars(settings), "base": base, "exclude_labels": list(settings.exclude_labels)}


def _note(repository: Repository, actor: Actor, verb: str, **described: Any) -> None:
    target = AuditTarget("git_repository", repository.id, repository.full_name)
    record(
        org_id=repository.org_id,
        actor=actor,
        action=f"git_repository.{verb}",
        target=target,
        deployment_id=repository.base_id,
        **described,
    )
