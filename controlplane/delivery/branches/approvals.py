"""What people do with a pull request's branch deployment: approve a fork's commit, and have it built again."""

from uuid import UUID

import structlog
from django.db.models.functions import Now

from controlplane.delivery.branches import closing
from controlplane.delivery.branches.rows import branch_now
from controlplane.delivery.models import DeliveryState, PullRequest, PullRequestState
from controlplane.delivery.pull_requests.waking import wake
from controlplane.deployments.branches import branch_of
from controlplane.deployments.models import BranchDeployment, CodeLocation
from controlplane.deployments.services import reload_location
from tenants.access import Actor
from tenants.audit.services import AuditTarget, record
from tenants.errors import ConflictError, NotFoundError
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)


def approve(*, org_id: UUID, pull_request_id: UUID, sha: str, actor: Actor) -> PullRequest:
    """Let this very commit of a fork be fetched and deployed; a push after it waits again.

    SECURITY: ConflictError when `sha` is not the head any more: whoever approves has looked at that commit and at no other.
    """
    with org_scope(org_id):
        pull = _locked(org_id, pull_request_id)
        if not pull.is_fork:
            raise ConflictError(f"Pull request {pull.number} is no fork's: nothing of it waits for approval.")
        if pull.state != PullRequestState.OPEN:
            raise ConflictError(f"Pull request {pull.number} is not open.")
        if sha != pull.head_sha:
            raise ConflictError(
                f"The head of pull request {pull.number} is {pull.head_sha[:12]} by now, not {sha[:12]}. Look at it, and approve that."
            )
        before = pull.approved_sha
        pull.approved_sha, pull.approved_by, pull.work_due_at = sha, actor.label[:254], Now()
        pull.save(update_fields=["approved_sha", "approved_by", "work_due_at"])
        record(
            org_id=org_id,
            actor=actor,
            action="pull_request.approve",
            target=AuditTarget("pull_request", pull.id, f"{pull.repository.full_name}#{pull.number}"),
            before={"approved_sha": before},
            after={"approved_sha": sha},
            deployment_id=pull.deployment_id,
        )
        wake(org_id, pull.id)
    log.info("pull_request.approved", org=str(org_id), pull_request=str(pull.id), sha=sha, actor=str(actor.id))
    return pull


def rebuild(*, org_id: UUID, deployment_id: UUID, actor: Actor) -> BranchDeployment:
    """Deploy the head once more, and bring the branch back if it had ended. What CI deployed is loaded again as it is."""
    with org_scope(org_id):
        branch = branch_of(org_id, deployment_id)
        pull = pull_request_of(org_id, deployment_id)
        if pull is not None and pull.state != PullRequestState.OPEN:
            raise ConflictError(
                f"Pull request {pull.number} is closed. Reopen it at its host to have it deployed again."
            )
        if not closing.reopen(org_id=org_id, deployment_id=deployment_id, actor=actor):
            raise ConflictError(f"{branch.deployment.name} is still being closed. Try again in a minute.")
        if pull is None:
            _reload(branch, actor)
        else:
            rows = PullRequest.objects.for_org(org_id).filter(id=pull.id)
            rows.update(delivery_state=DeliveryState.QUEUED, delivered_sha="", failures=0, work_due_at=Now())
            wake(org_id, pull.id)
        record(
            org_id=org_id,
            actor=actor,
            action="branch_deployment.rebuild",
            target=AuditTarget("deployment", deployment_id, branch.deployment.name),
            after={"head_sha": branch.head_sha},
            deployment_id=deployment_id,
        )
    return branch_now(org_id, deployment_id)


def pull_request_of(org_id: UUID, deployment_id: UUID) -> PullRequest | None:
    """The pull request that a branch deployment was made for, of a connected repository; call it inside org_scope."""
    rows = PullRequest.objects.for_org(org_id).select_related("repository")
    # Of two connections that reach one repository, the pull request that still lives.
    return max(rows.filter(deployment_id=deployment_id), key=_is_open, default=None)


def held_pull_request(org_id: UUID, deployment_id: UUID) -> PullRequest:
    """The same; ConflictError when there is none, so that nothing can wait for approval."""
    found = pull_request_of(org_id, deployment_id)
    if found is None:
        raise ConflictError("This branch deployment was made by CI: nothing of it waits for approval.")
    return found


def _is_open(pull: PullRequest) -> bool:
    return pull.state == PullRequestState.OPEN


def _locked(org_id: UUID, pull_request_id: UUID) -> PullRequest:
    rows = PullRequest.objects.for_org(org_id).select_related("repository").select_for_update(of=("self",))
    found = rows.filter(id=pull_request_id).first()
    if found is None:
        raise NotFoundError("There is no such pull request.")
    return found


def _reload(branch: BranchDeployment, actor: Actor) -> None:
    known = CodeLocation.objects.for_org(branch.org_id).filter(deployment_id=branch.deployment_id)
    for name in known.exclude(desired=None).order_by("name").values_list("name", flat=True):
        reload_location(org_id=branch.org_id, deployment_id=branch.deployment_id, name=name, actor=actor)
