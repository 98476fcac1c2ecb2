"""The head of an open pull request becomes what its branch deployment consists of."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from django.utils import timezone

from controlplane.delivery.branches import closing
from controlplane.delivery.branches.ci import MergeBase
from controlplane.delivery.branches.opening import Wishes, take_wishes
from controlplane.delivery.branches.ownership import require_own
from controlplane.delivery.hosts.base import CommitFacts, GitHost, HostGoneError
from controlplane.delivery.models import BranchMode, DeliveryState, PullRequest, PullRequestState
from controlplane.delivery.project.problems import ProjectError
from controlplane.delivery.pull_requests import branch_file, building
from controlplane.delivery.pull_requests.branch_file import BranchSettings
from controlplane.delivery.pull_requests.checkout import checkout
from controlplane.delivery.pull_requests.leases import OvertakenError, mine, renew
from controlplane.deployments import base_snapshots, branches
from controlplane.deployments.branches import BranchFacts
from controlplane.deployments.deploying import deploy_locations
from controlplane.deployments.git_facts import GitFacts
from controlplane.deployments.models import (
    BranchState,
    CodeLocation,
    Deployment,
    DeploymentKind,
    PullRequestStatus,
)
from tenants.access import Actor, ActorKind
from tenants.errors import AppError, TooLargeError
from tenants.organizations import require_writable
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

# The first of the phases.
QUEUED = "queued"
# How far back the base is searched for a commit that it has loaded.
_HISTORY = 100


class StillClosingError(AppError):
    """An earlier life of the branch deployment has not ended yet."""

    code = "still_closing"
    status = 409


@dataclass
class Delivery:
    """One look at one open pull request. `pull` comes with its repository and connection."""

    host: GitHost
    pull: PullRequest

    def __post_init__(self) -> None:
        self._trees: dict[str, Path] = {}
        self._stack = ExitStack()

    def close(self) -> None:
        """Let go of the trees that were fetched."""
        self._stack.close()

    @property
    def org_id(self) -> UUID:
        return self.pull.org_id

    @property
    def is_approved(self) -> bool:
        """SECURITY: nothing of a fork's commit is fetched or deployed before somebody approved this very one."""
        return not self.pull.is_fork or self.pull.approved_sha == self.pull.head_sha

    @property
    def actor(self) -> Actor:
        return actor_of(self.pull)

    def tree(self, sha: str) -> Path:
        """The files of a commit, fetched once."""
        if sha not in self._trees:
            fetched = checkout(self.host, self.pull.repository.external_id, sha)
            self._trees[sha] = self._stack.enter_context(fetched)
        return self._trees[sha]

    def settings(self) -> BranchSettings:
        """The repository's settings with the file's over them; read once for each head. ProjectError when the file is wrong."""
        pull = self.pull
        if pull.repository.mode == BranchMode.OFF:
            return branch_file.settings_of(pull.repository)
        if pull.branch_file is None or pull.branch_file_sha != pull.head_sha:
            sha = self._file_sha()
            try:
                self._note_file(branch_file.read_file(self.tree(sha)), pull.head_sha)
            except (ProjectError, TooLargeError):
                # So that a file that is wrong is not fetched again before it is another.
                self._note_file(None, sha)
                raise
        return branch_file.settings_of(pull.repository, pull.branch_file)

    @property
    def is_still_wrong(self) -> bool:
        """Whether the file was wrong that decides, and is the same yet."""
        pull = self.pull
        failed = pull.delivery_state == DeliveryState.FAILED and pull.delivered_sha == pull.head_sha
        if not failed or pull.branch_file is not None or pull.repository.mode == BranchMode.OFF:
            return False
        return bool(pull.branch_file_sha) and pull.branch_file_sha == self._file_sha()

    def _file_sha(self) -> str:
        """The commit whose file decides. SECURITY: a fork does not say how it is deployed; its base branch does."""
        pull = self.pull
        return self.host.branch_head(pull.repository.external_id, pull.base_branch) if pull.is_fork else pull.head_sha

    def _note_file(self, said: dict[str, Any] | None, sha: str) -> None:
        pull = self.pull
        pull.branch_file, pull.branch_file_sha = said, sha
        with org_scope(self.org_id):
            mine(pull).update(branch_file=said, branch_file_sha=sha)

    def parent(self) -> Deployment | None:
        """The full deployment that its branch belongs to; None while nobody has chosen one."""
        with org_scope(self.org_id):
            full = Deployment.objects.for_org(self.org_id).filter(kind=DeploymentKind.FULL)
            base_id = self.pull.repository.base_id
            return full.filter(id=base_id).first() if base_id else None


def actor_of(pull: PullRequest) -> Actor:
    """Who the audit log says did what follows from a pull request."""
    label = f"Pull request {pull.repository.full_name}#{pull.number}"
    return Actor(kind=ActorKind.SYSTEM, id=None, label=label[:254])


def refusal(pull: PullRequest, wanted: BranchSettings) -> str:
    """Why there is no branch deployment for it; empty when there is to be one."""
    labels = set(pull.labels)
    excluded = sorted(labels & set(wanted.exclude_labels))
    if BranchMode.OFF in {pull.repository.mode, wanted.mode}:
        return "Branch deployments are off for this repository."
    if excluded:
        return f"The label {excluded[0]} says that there is none."
    if wanted.mode == BranchMode.LABEL and wanted.label not in labels:
        return f"It gets one with the label {wanted.label}."
    return ""


def hold(delivery: Delivery, parent: Deployment) -> None:
    """A fork's commit waits for approval. Its branch deployment exists, so that it can be seen and approved; nothing is in it."""
    org_id, pull = delivery.org_id, delivery.pull
    with org_scope(org_id):
        facts = facts_of(pull, GitFacts())
        require_own(org_id, facts)
        branch = branches.ensure_branch(org_id=org_id, parent=parent, facts=facts, actor=delivery.actor)
        known = CodeLocation.objects.for_org(org_id).filter(deployment_id=branch.deployment_id)
        if branch.state in {BranchState.ACTIVE, BranchState.SLEEPING} and not known.exists():
            branch.state = BranchState.HELD
            branch.save(update_fields=["state"])
            branches.set_awake(branch, awake=False)
        become(pull, DeliveryState.HELD, "A maintainer has to approve this commit of a fork.", branch.deployment_id)


def has_project(delivery: Delivery, wanted: BranchSettings) -> bool:
    """Whether there may be a Dagster project in the head; fetches it."""
    assert delivery.is_approved  # the caller has looked
    return building.is_project(delivery.tree(delivery.pull.head_sha), wanted.project)


def deliver(delivery: Delivery, parent: Deployment, wanted: BranchSettings) -> None:
    """Fetch, read, pack and deploy the head. ProjectError says what is wrong with the project, OvertakenError that it is over."""
    pull, external_id = delivery.pull, delivery.pull.repository.external_id
    assert delivery.is_approved  # the caller has looked; below it is asked again under the lock
    tree = delivery.tree(pull.head_sha)
    commit = delivery.host.commit(external_id, pull.head_sha)
    git = building.git_facts(commit, pull.head_branch)
    built = building.build(
        org_id=delivery.org_id,
        tree=tree,
        folder=wanted.project,
        name=pull.repository.full_name.rpartition("/")[2],
        commit=commit,
        url=f"{pull.repository.web_url}/tree/{pull.head_sha}",
        git=git,
        only=wanted.locations,
    )
    renew(pull)
    base = _merge_base(delivery)
    renew(pull)
    _deploy(delivery, parent, wanted, built, commit=commit, base=base)


def _deploy(
    delivery: Delivery,
    parent: Deployment,
    wanted: BranchSettings,
    built: building.Built,
    *,
    commit: CommitFacts,
    base: MergeBase,
) -> None:
    org_id, sha, actor = delivery.org_id, delivery.pull.head_sha, delivery.actor
    git = building.git_facts(commit, delivery.pull.head_branch)
    with org_scope(org_id):
        require_writable(org_id)
        # The branch is locked before its pull request, as everywhere.
        facts = facts_of(delivery.pull, git)
        require_own(org_id, facts)
        branch = branches.ensure_branch(org_id=org_id, parent=parent, facts=facts, actor=actor)
        pull = _locked(delivery.pull)
        # SECURITY: a push or a close may have come in while the commit was fetched and packed. Then nothing of this stays.
        if _is_overtaken(pull, delivery.pull):
            raise OvertakenError
        if not closing.reopen(org_id=org_id, deployment_id=branch.deployment_id, actor=actor):
            raise StillClosingError
        branch = branches.branch_of(org_id, branch.deployment_id)
        if branch.state == BranchState.HELD:
            branch.state = BranchState.ACTIVE
            branch.save(update_fields=["state"])
            branches.set_awake(branch, awake=True)
        # Before the deploy: what is kept of this commit says what it was compared with.
        base_snapshots.set_base(
            org_id=org_id,
            deployment_id=branch.deployment_id,
            merge_base_sha=base.sha,
            earlier=base.earlier_shas,
        )
        deploy_locations(
            org_id=org_id, deployment_id=branch.deployment_id, deploys=built.deploys, actor=actor, sync=True, sha=sha
        )
        PullRequest.objects.for_org(org_id).filter(id=pull.id).update(layout=built.layout)
        take_wishes(org_id=org_id, deployment_id=branch.deployment_id, wishes=_wishes(wanted))
        become(delivery.pull, DeliveryState.LOADING, "", branch.deployment_id, done=True, phase="built")
    log.info("pull_request.deployed", org=str(org_id), pull_request=str(delivery.pull.id), sha=sha)


def _is_overtaken(now: PullRequest, then: PullRequest) -> bool:
    sha = then.head_sha
    if now.leased_until != then.leased_until:
        return True
    if now.head_sha != sha or now.state != PullRequestState.OPEN or now.is_fork != then.is_fork:
        return True
    return now.is_fork and now.approved_sha != sha


def _merge_base(delivery: Delivery) -> MergeBase:
    """Where the branch left its base; unknown without a common history, or when the base branch is gone."""
    pull, external_id = delivery.pull, delivery.pull.repository.external_id
    try:
        sha = delivery.host.merge_base(external_id, pull.base_branch, pull.head_sha)
        return MergeBase(sha, tuple(delivery.host.history(external_id, sha, _HISTORY)[1:]))
    except HostGoneError:
        return MergeBase()


def facts_of(pull: PullRequest, git: GitFacts) -> BranchFacts:
    """What its branch deployment is told of it."""
    repository = pull.repository
    at = f"https://{repository.web_url.split('/')[2]}/{pull.head_repository}" if pull.head_repository else ""
    return BranchFacts(
        repository=repository.full_name,
        branch=pull.head_branch,
        pull_request=pull.number,
        pull_request_status=PullRequestStatus.OPEN,
        pull_request_url=pull.url,
        branch_url=f"{at}/tree/{pull.head_branch}" if at else "",
        title=pull.title,
        head_sha=pull.head_sha,
        git=git,
        is_fork=pull.is_fork,
        repository_id=repository.id,
    )


def _wishes(wanted: BranchSettings) -> Wishes:
    return Wishes(
        sleep_after=wanted.sleep_after,
        expire_after=wanted.expire_after,
        on_create=wanted.on_create,
        on_close=wanted.on_close,
    )


def _locked(pull: PullRequest) -> PullRequest:
    rows = PullRequest.objects.for_org(pull.org_id).select_related("repository").select_for_update(of=("self",))
    return rows.get(id=pull.id)


def become(
    pull: PullRequest,
    state: DeliveryState,
    note: str,
    deployment_id: UUID | None = None,
    *,
    done: bool | None = None,
    phase: str = "",
) -> None:
    """Note how far its head has come. `done`: nothing more is to be deployed of this commit; False: what was deployed counts no more.

    What is not given stays as it is stored, whatever people did to it meanwhile. OvertakenError when the lease is not ours any more.
    """
    values: dict[str, Any] = {"delivery_state": state, "delivery_note": note}
    if deployment_id is not None:
        values["deployment_id"] = deployment_id
    if done is not None:
        values["delivered_sha"] = pull.head_sha if done else ""
    if phase:
        before = {} if phase == QUEUED else pull.phases
        values["phases"] = {**before, phase: timezone.now().timestamp()}
    with org_scope(pull.org_id):
        if not mine(pull).update(**values):
            raise OvertakenError
    for name, value in values.items():
        setattr(pull, name, value)
