"""Branch deployments that CI tells of, with or without a connected repository."""

from dataclasses import dataclass, replace
from uuid import UUID

from controlplane.delivery.branches import closing
from controlplane.delivery.branches.opening import Wishes, default_wishes, take_wishes
from controlplane.delivery.branches.ownership import require_own
from controlplane.delivery.branches.rows import branch_now
from controlplane.delivery.models import PullRequest, Repository
from controlplane.deployments import base_snapshots
from controlplane.deployments.branches import BranchFacts, ensure_branch, find_branch
from controlplane.deployments.models import BranchDeployment, BranchState, Deployment, PullRequestStatus
from tenants.access import Actor
from tenants.errors import ConflictError
from tenants.scoping import org_scope

_ENDED = frozenset({PullRequestStatus.CLOSED, PullRequestStatus.MERGED})


@dataclass(frozen=True)
class MergeBase:
    """Where the branch left its base, as CI knows it, and the commits before that, the newest first."""

    sha: str = ""
    earlier_shas: tuple[str, ...] = ()


def create_or_update(
    *, org_id: UUID, parent: Deployment, facts: BranchFacts, actor: Actor, wishes: Wishes | None = None
) -> BranchDeployment:
    """The branch deployment that CI tells of: made, told what is new, or ended when its pull request is.

    ConflictError while an earlier life of it is still ending: try again a little later.
    """
    with org_scope(org_id):
        facts = _with_repository(org_id, of_pull_request(org_id, facts))
        known = find_branch(org_id, facts)
        if has_ended(facts) and known is None:
            raise ConflictError("There is no branch deployment of this pull request that could be closed.")
        require_own(org_id, facts)
        branch = ensure_branch(org_id=org_id, parent=parent, facts=facts, actor=actor)
        lives = has_ended(facts) or closing.reopen(org_id=org_id, deployment_id=branch.deployment_id, actor=actor)
        if not lives:
            raise ConflictError(f"{branch.deployment.name} is still being closed. Try again in a minute.")
        if known is None or wishes is not None:
            take_wishes(org_id=org_id, deployment_id=branch.deployment_id, wishes=wishes or default_wishes())
    if has_ended(facts):
        label = PullRequestStatus(facts.pull_request_status).label.lower()
        reason = f"CI says that its pull request is {label}."
        return closing.close(org_id=org_id, deployment_id=branch.deployment_id, reason=reason, actor=actor)
    return branch_now(org_id, branch.deployment_id)


def of_pull_request(org_id: UUID, facts: BranchFacts) -> BranchFacts:
    """Those of a branch alone, as those of its pull request where that has a deployment: one branch has one. Call it inside org_scope.

    SECURITY: never a fork's: its branch may have the name of one of ours.
    """
    if facts.pull_request is not None or find_branch(org_id, facts) is not None:
        return facts
    rows = BranchDeployment.objects.for_org(org_id).filter(
        repository=facts.repository, branch=facts.branch, pull_request__isnull=False, is_fork=False
    )
    living = rows.exclude(state__in=[BranchState.CLOSING, BranchState.ARCHIVED]).exclude(pull_request_status__in=_ENDED)
    known = living.order_by("-pull_request").first()
    if known is None:
        return facts
    return replace(
        facts,
        pull_request=known.pull_request,
        pull_request_status=known.pull_request_status,
        pull_request_url=facts.pull_request_url or known.pull_request_url,
        branch_url=facts.branch_url or known.branch_url,
        title=facts.title or known.title,
    )


def has_ended(facts: BranchFacts) -> bool:
    """Whether these facts are the end of a branch deployment."""
    return facts.pull_request_status in _ENDED


def note_base(*, org_id: UUID, branch: BranchDeployment, merge_base: MergeBase) -> BranchDeployment:
    """Store what the base defined where the branch left it. CI that does not know where changes nothing that is known already."""
    if not merge_base.sha and branch.base_manifests is not None:
        return branch
    return base_snapshots.set_base(
        org_id=org_id,
        deployment_id=branch.deployment_id,
        merge_base_sha=merge_base.sha,
        earlier=merge_base.earlier_shas,
    )


def _with_repository(org_id: UUID, facts: BranchFacts) -> BranchFacts:
    """The same with what a connected repository knows.

    SECURITY: CI cannot say that a fork's pull request is none; the fork would get secrets. All that ever knew it is asked: several
    connections may reach the repository, and one of them no more.
    """
    repositories = Repository.objects.for_org(org_id).filter(full_name=facts.repository)
    found = repositories.filter(gone_at=None).order_by("id").first()
    pulls = PullRequest.objects.for_org(org_id).filter(repository__in=repositories, number=facts.pull_request or 0)
    known = find_branch(org_id, facts)
    is_fork = facts.is_fork or pulls.filter(is_fork=True).exists() or (known is not None and known.is_fork)
    return replace(facts, repository_id=found.id if found else facts.repository_id, is_fork=is_fork)
