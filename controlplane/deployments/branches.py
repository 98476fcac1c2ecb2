"""Branch deployments: found or made by their pull request or branch, put to sleep and woken. Their end is delivery's."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from django.db import IntegrityError
from django.db.models.functions import Now
from django.utils.text import slugify

from controlplane.core import wakeups
from controlplane.deployments import audit_trail
from controlplane.deployments.freezing import hold
from controlplane.deployments.git_facts import GitFacts
from controlplane.deployments.models import (
    BranchDeployment,
    BranchRevision,
    BranchState,
    CodeLocation,
    Deployment,
    DeploymentKind,
    LocationVersion,
)
from tenants.access import Actor
from tenants.errors import ConflictError, InvalidError, NotFoundError
from tenants.limits.models import QuotaName
from tenants.limits.quotas import require_room
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

_MAX_NAME = 100
# What a branch and its revisions know of the base.
OF_BASE = ("merge_base_sha", "base_manifests", "base_note")
_RUNS_NOTHING = frozenset({BranchState.HELD, BranchState.CLOSING, BranchState.ARCHIVED})


@dataclass(frozen=True)
class BranchFacts:
    """Which branch of which repository, and what is known of its head. `pull_request` None: CI told of a branch without one."""

    repository: str
    branch: str
    pull_request: int | None = None
    pull_request_status: str = ""
    pull_request_url: str = ""
    branch_url: str = ""
    title: str = ""
    head_sha: str = ""
    git: GitFacts = field(default_factory=GitFacts)
    is_fork: bool = False
    repository_id: UUID | None = None

    def columns(self) -> dict[str, Any]:
        """What a BranchDeployment takes over each time it is told."""
        return {
            "repository_id": self.repository_id,
            "pull_request_status": self.pull_request_status,
            "pull_request_url": self.pull_request_url[:500],
            "branch": self.branch[:300],
            "branch_url": self.branch_url[:500],
            "title": self.title[:300],
            "head_sha": self.head_sha,
            "git": self.git.document(),
            "is_fork": self.is_fork,
        }


def ensure_branch(*, org_id: UUID, parent: Deployment, facts: BranchFacts, actor: Actor) -> BranchDeployment:
    """The branch deployment of this pull request (or branch), made if it is missing, told what is new if not.

    InvalidError when the parent is no full deployment, or the facts name no repository or branch; ConflictError when it belongs to
    another parent. The row stays locked until the caller's transaction ends.
    """
    if parent.kind != DeploymentKind.FULL:
        raise InvalidError(f"{parent.name} is a branch deployment itself. Name a full deployment as the base.")
    if not facts.repository or not facts.branch:
        raise InvalidError("A branch deployment needs the names of its repository and of its branch.")
    with org_scope(org_id):
        # One at a time for each organization: two pushes must not make two.
        Deployment.objects.for_org(org_id).select_for_update(no_key=True).get(id=parent.id)
        found = find_branch(org_id, facts)
        known = _locked(org_id, found.deployment_id) if found is not None else None
        if known is None:
            return _make(org_id, parent, facts, actor)
        _check_parent(known, parent)
        # SECURITY: once a fork's, always a fork's. Whoever tells of it next, CI for example, may not know.
        told = {**facts.columns(), "is_fork": known.is_fork or facts.is_fork}
        for name, value in told.items():
            setattr(known, name, value)
        # Its state is not told here: somebody may be putting it to sleep.
        known.save(update_fields=[*told])
        if known.is_fork and not known.deployment.is_fork:
            known.deployment.is_fork = True
            known.deployment.save(update_fields=["is_fork"])
        return known


def _check_parent(known: BranchDeployment, parent: Deployment) -> None:
    """A branch deployment was compared with its parent, and has its environment: it is never moved to another silently."""
    name, parent_id = known.deployment.name, known.deployment.parent_id
    if parent_id is None or parent_id == parent.id:
        return
    own = Deployment.objects.for_org(known.org_id).filter(id=parent_id).values_list("name", flat=True).first()
    raise ConflictError(
        f"The branch deployment {name} belongs to {own or 'another deployment'}, not to {parent.name}. Name that as its base, or "
        f"delete {name}: the next deploy makes it again, of {parent.name}."
    )


def find_branch(org_id: UUID, facts: BranchFacts) -> BranchDeployment | None:
    """The branch deployment that these facts are about, with `deployment`; call it inside org_scope.

    A connected repository's own comes first: it may be kept under an earlier name of the repository.
    """
    rows = BranchDeployment.objects.for_org(org_id).select_related("deployment")
    rows = rows.filter(pull_request=facts.pull_request)
    rows = rows if facts.pull_request is not None else rows.filter(branch=facts.branch)
    own = rows.filter(repository_id=facts.repository_id).first() if facts.repository_id is not None else None
    return own or rows.filter(repository=facts.repository).first()


def branch_of(org_id: UUID, deployment_id: UUID) -> BranchDeployment:
    """The branch of a branch deployment, with `deployment`; NotFoundError for a full one. Call it inside org_scope."""
    rows = BranchDeployment.objects.for_org(org_id).select_related("deployment")
    found = rows.filter(deployment_id=deployment_id).first()
    if found is None:
        raise NotFoundError("This is not a branch deployment.")
    return found


def is_branch(org_id: UUID, deployment_id: UUID) -> bool:
    """Whether it is a branch deployment; call it inside org_scope."""
    return BranchDeployment.objects.for_org(org_id).filter(deployment_id=deployment_id).exists()


def wake(*, org_id: UUID, deployment_id: UUID, to_close: bool = False) -> None:
    """Something is wanted of a branch deployment: agents load its code, if it slept. Nothing happens to a full one.

    ConflictError for one that is archived, waits for approval, or is closing; `to_close`: it is its closing job that is wanted.
    """
    with org_scope(org_id):
        branch = _locked(org_id, deployment_id)
        if branch is None:
            return
        refused = _RUNS_NOTHING - {BranchState.CLOSING} if to_close else _RUNS_NOTHING
        if branch.state in refused:
            label = BranchState(branch.state).label.lower()
            raise ConflictError(f"The branch deployment {branch.deployment.name} is {label}; nothing runs in it.")
        slept = branch.state == BranchState.SLEEPING
        branch.state = BranchState.ACTIVE if slept else branch.state
        branch.active_at = Now()
        branch.save(update_fields=["state", "active_at"])
        if slept:
            set_awake(branch, awake=True)


def sleep(*, org_id: UUID, deployment_id: UUID) -> None:
    """Let go of its code workers; its pages stay. Nothing happens to one that is not active."""
    with org_scope(org_id):
        branch = _locked(org_id, deployment_id)
        if branch is not None and branch.state == BranchState.ACTIVE:
            branch.state = BranchState.SLEEPING
            branch.save(update_fields=["state"])
            set_awake(branch, awake=False)


def note_revision(*, org_id: UUID, deployment_id: UUID, sha: str) -> None:
    """What is deployed now is this commit: keep it, for the page of the commit. Call it after its code locations were deployed."""
    if not sha:
        return
    with org_scope(org_id):
        desired = CodeLocation.objects.for_org(org_id).filter(deployment_id=deployment_id, desired__isnull=False)
        versions = {name: str(version) for name, version in desired.values_list("name", "desired_id")}
        branch = branch_of(org_id, deployment_id)
        base = {name: getattr(branch, name) for name in OF_BASE}
        BranchRevision.objects.for_org(org_id).update_or_create(
            org_id=org_id,
            deployment_id=deployment_id,
            sha=sha,
            defaults={"versions": versions, "manifests": {}, **base},
        )


def keep_manifests(org_id: UUID, deployment_id: UUID, versions: Iterable[LocationVersion]) -> None:
    """Versions of a branch deployment are about to go: the pages of its commits keep what these defined. Call it inside org_scope."""
    hashes = {str(version.id): version.manifest_sha256 for version in versions if version.manifest_sha256}
    for revision in BranchRevision.objects.for_org(org_id).filter(deployment_id=deployment_id).select_for_update():
        gone = {name: hashes[version] for name, version in revision.versions.items() if version in hashes}
        if gone:
            revision.manifests = {**revision.manifests, **gone}
            revision.save(update_fields=["manifests"])


def _locked(org_id: UUID, deployment_id: UUID) -> BranchDeployment | None:
    hold(org_id, deployment_id)
    rows = BranchDeployment.objects.for_org(org_id).select_related("deployment").select_for_update(of=("self",))
    return rows.filter(deployment_id=deployment_id).first()


def set_awake(branch: BranchDeployment, *, awake: bool) -> None:
    """Let agents load its code, or let go of it. Call it inside org_scope, with the branch locked; its state is the caller's."""
    org_id = branch.org_id
    Deployment.objects.for_org(org_id).filter(id=branch.deployment_id).update(is_awake=awake)
    wakeups.wake(f"queue:{org_id}", f"org:{org_id}:locations")
    log.info("branch.awake" if awake else "branch.asleep", org=str(org_id), deployment=branch.deployment.name)


def living_branches(org_id: UUID) -> int:
    """How many count for the quota: all that are neither archived nor held. Call it inside org_scope."""
    unused = {BranchState.ARCHIVED, BranchState.HELD}
    return BranchDeployment.objects.for_org(org_id).exclude(state__in=unused).count()


def held_branches(org_id: UUID) -> int:
    """How many wait for an approval. Call it inside org_scope."""
    return BranchDeployment.objects.for_org(org_id).filter(state=BranchState.HELD).count()


def _make(org_id: UUID, parent: Deployment, facts: BranchFacts, actor: Actor) -> BranchDeployment:
    require_room(org_id, QuotaName.BRANCH_DEPLOYMENTS, used=lambda: living_branches(org_id))
    if facts.is_fork:
        # SECURITY: strangers open as many as they like. Theirs fill a quota of the same size, and leave the organization its own.
        require_room(org_id, QuotaName.BRANCH_DEPLOYMENTS, used=lambda: held_branches(org_id))
    for name in _names(facts):
        if Deployment.objects.for_org(org_id).filter(name=name).exists():
            continue
        try:
            deployment = Deployment.objects.create_in(
                org_id, name=name, kind=DeploymentKind.BRANCH, parent_id=parent.id, is_fork=facts.is_fork
            )
        except IntegrityError as error:
            raise ConflictError(f"Somebody made a deployment called {name} just now. Try again.") from error
        branch = BranchDeployment.objects.create_in(
            org_id,
            deployment=deployment,
            repository=facts.repository[:300],
            pull_request=facts.pull_request,
            created_by=actor.label,
            **facts.columns(),
        )
        audit_trail.note_deployment(deployment, actor)
        log.info("branch.created", org=str(org_id), deployment=name, actor=str(actor.id))
        return branch
    raise ConflictError("There is no free name for this branch deployment. Delete one that nobody needs.")


def _names(facts: BranchFacts) -> list[str]:
    """What it may be called, the shortest first: `pr-123`, with the repository before it where that is taken."""
    own = (
        f"pr-{facts.pull_request}"
        if facts.pull_request is not None
        else f"branch-{slugify(facts.branch.replace('/', '-'))}"
    )
    repository = slugify(facts.repository.replace("/", "-"))
    short = slugify(facts.repository.rpartition("/")[2])
    return [f"{before}-{own}"[:_MAX_NAME] if before else own[:_MAX_NAME] for before in ("", short, repository)]
