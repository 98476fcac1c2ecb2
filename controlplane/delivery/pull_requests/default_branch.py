"""A push to the default branch deployed to the base, where a repository says so."""

import datetime

import structlog
from django.db.models import Q
from django.db.models.functions import Now

from controlplane.delivery.hosts.base import GitHost
from controlplane.delivery.models import Repository
from controlplane.delivery.project.problems import ProjectError
from controlplane.delivery.pull_requests import branch_file, building
from controlplane.delivery.pull_requests.checkout import checkout
from controlplane.deployments.deploying import deploy_locations
from controlplane.deployments.freezing import require_thawed
from tenants.access import Actor, ActorKind
from tenants.errors import AppError, TooLargeError
from tenants.organizations import require_writable
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)


def note_head(repository: Repository, sha: str, asked_at: datetime.datetime) -> None:
    """The newest commit of its default branch, as the host said when it was asked at `asked_at`. What was asked later stays."""
    with org_scope(repository.org_id):
        rows = Repository.objects.for_org(repository.org_id).filter(id=repository.id)
        rows.filter(Q(head_asked_at=None) | Q(head_asked_at__lt=asked_at)).update(head_sha=sha, head_asked_at=asked_at)


def deploy(*, host: GitHost, repository: Repository) -> None:
    """Deploy the newest commit of the default branch, once; why that failed stands at the repository.

    A commit that is wrong itself is not tried again; what the base or the organization refuses now is, at the next look.
    """
    if not repository.deploys_default_branch or repository.base_id is None:
        return
    sha = repository.head_sha
    if sha in {"", repository.deployed_sha}:
        return
    if sha == repository.failed_sha:
        _note(repository, error=repository.failed_why)
        return
    try:
        _deploy(host, repository, sha)
    except AppError as error:
        why = f"{sha[:12]} of {repository.default_branch} was not deployed: {error.message}"[:500]
        lasts = isinstance(error, ProjectError | TooLargeError)
        _note(repository, error=why, **({"failed_sha": sha, "failed_why": why} if lasts else {}))
        log.warning(
            "repository.not_deployed",
            org=str(repository.org_id),
            repository=repository.full_name,
            error=error.message,
        )


def _note(repository: Repository, **values: str) -> None:
    with org_scope(repository.org_id):
        Repository.objects.for_org(repository.org_id).filter(id=repository.id).update(**values)


def _deploy(host: GitHost, repository: Repository, sha: str) -> None:
    org_id, base_id = repository.org_id, repository.base_id
    assert base_id is not None  # the caller has looked
    with org_scope(org_id):
        # Before anything is fetched for nothing; it counts below.
        require_writable(org_id)
        require_thawed(org_id, base_id)
    built = _built(host, repository, sha)
    actor = Actor(kind=ActorKind.SYSTEM, id=None, label=f"Push to {repository.full_name}"[:254])
    with org_scope(org_id):
        require_writable(org_id)
        # Held before the repository is locked: the base's deletion changes that row too.
        require_thawed(org_id, base_id)
        rows = Repository.objects.for_org(org_id).filter(id=repository.id)
        now = rows.select_for_update().first()
        if now is None or not _is_wanted(now, repository, sha):
            return
        deploy_locations(org_id=org_id, deployment_id=base_id, deploys=built.deploys, actor=actor, sha=sha)
        rows.update(deployed_sha=sha, failed_sha="", failed_why="", reconciled_at=Now())
    log.info("repository.deployed", org=str(org_id), repository=repository.full_name, sha=sha)


def _is_wanted(now: Repository, then: Repository, sha: str) -> bool:
    """Whether it is still to be deployed there: another worker, a push or a setting may have been faster than the fetch."""
    is_newest = now.head_sha == sha and now.deployed_sha != sha
    return is_newest and now.deploys_default_branch and now.base_id == then.base_id


def _built(host: GitHost, repository: Repository, sha: str) -> building.Built:
    commit = host.commit(repository.external_id, sha)
    with checkout(host, repository.external_id, sha) as tree:
        wanted = branch_file.settings_of(repository, branch_file.read_file(tree))
        return building.build(
            org_id=repository.org_id,
            tree=tree,
            folder=wanted.project,
            name=repository.full_name.rpartition("/")[2],
            commit=commit,
            url=f"{repository.web_url}/tree/{sha}",
            git=building.git_facts(commit, repository.default_branch),
            only=(),
        )
