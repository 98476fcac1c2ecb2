"""A push to the default branch deployed to the base, where a repository says so."""

import structlog
from django.db.models.functions import Now

from controlplane.delivery.hosts.base import GitHost
from controlplane.delivery.models import Repository
from controlplane.delivery.pull_requests import branch_file, building
from controlplane.delivery.pull_requests.checkout import checkout
from controlplane.deployments.deploying import deploy_locations
from tenants.access import Actor, ActorKind
from tenants.errors import AppError
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)


def deploy(*, host: GitHost, repository: Repository) -> None:
    """Deploy the newest commit of the default branch, once; why that failed stands at the repository."""
    if not repository.deploys_default_branch or repository.base_id is None:
        return
    sha, org_id = repository.head_sha, repository.org_id
    if sha in {"", repository.deployed_sha}:
        return
    try:
        _deploy(host, repository, sha)
    except AppError as error:
        with org_scope(org_id):
            rows = Repository.objects.for_org(org_id).filter(id=repository.id)
            rows.update(error=f"{sha[:12]} of {repository.default_branch} was not deployed: {error.message}"[:500])
        log.warning("repository.not_deployed", org=str(org_id), repository=repository.full_name, error=error.message)


def _deploy(host: GitHost, repository: Repository, sha: str) -> None:
    org_id, base_id = repository.org_id, repository.base_id
    assert base_id is not None  # the caller has looked
    commit = host.commit(repository.external_id, sha)
    git = building.git_facts(commit, repository.default_branch)
    with checkout(host, repository.external_id, sha) as tree:
        wanted = branch_file.settings_of(repository, branch_file.read_file(tree))
        built = building.build(
            org_id=org_id,
            tree=tree,
            folder=wanted.project,
            name=repository.full_name.rpartition("/")[2],
            commit=commit,
            url=f"{repository.web_url}/tree/{sha}",
            git=git,
            only=(),
        )
    actor = Actor(kind=ActorKind.SYSTEM, id=None, label=f"Push to {repository.full_name}"[:254])
    with org_scope(org_id):
        deploy_locations(org_id=org_id, deployment_id=base_id, deploys=built.deploys, actor=actor, sha=sha)
        rows = Repository.objects.for_org(org_id).filter(id=repository.id)
        rows.update(deployed_sha=sha, reconciled_at=Now())
    log.info("repository.deployed", org=str(org_id), repository=repository.full_name, sha=sha)
