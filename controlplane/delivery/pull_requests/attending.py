"""Looking after pull requests: whatever changed, this brings what is deployed, and what the host was told, to where it should be.

Work is claimed from the database: `work_due_at` says when, `leased_until` keeps others away meanwhile, and what is killed anywhere is
done again. Celery only wakes.
"""

import datetime
from uuid import UUID

import structlog
from django.db.models.functions import Now
from django.utils import timezone

from controlplane.core import background, recordsets
from controlplane.delivery.branches import closing, progress
from controlplane.delivery.connections.clients import client_of
from controlplane.delivery.hosts.base import GitHost
from controlplane.delivery.models import DeliveryState, PullRequest, PullRequestState
from controlplane.delivery.project.problems import ProjectError
from controlplane.delivery.pull_requests import delivering
from controlplane.delivery.pull_requests.branch_file import BranchSettings
from controlplane.delivery.pull_requests.delivering import Delivery, StillClosingError, actor_of, become
from controlplane.delivery.pull_requests.leases import OvertakenError, claim, load, mine, release, renew
from controlplane.delivery.pull_requests.postponing import postpone
from controlplane.delivery.pull_requests.waking import TASK
from controlplane.delivery.reporting.sending import tell_host
from controlplane.deployments.branches import find_branch
from controlplane.deployments.git_facts import GitFacts
from controlplane.deployments.models import BranchDeployment, BranchState, Deployment, PullRequestStatus
from tenants.errors import AppError, TooLargeError
from tenants.organizations import require_writable
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

_LOOK_AGAIN, _SELDOM = datetime.timedelta(seconds=2), datetime.timedelta(seconds=20)
# Seconds within which what was deployed has usually loaded.
_SOON = 120.0
# The end of an earlier life wakes us; this is for when that was lost.
_CLOSING = datetime.timedelta(seconds=60)
_SETTLED = frozenset({DeliveryState.LOADING, DeliveryState.READY, DeliveryState.FAILED, DeliveryState.NONE})
_STATUS = {
    PullRequestState.CLOSED: PullRequestStatus.CLOSED,
    PullRequestState.MERGED: PullRequestStatus.MERGED,
    PullRequestState.GONE: PullRequestStatus.CLOSED,
}
# Those that wait longest come first.
_DUE = """
    WITH due AS (
        SELECT p.org_id, p.id, p.work_due_at FROM pull_request p
        WHERE (p.leased_until IS NULL OR p.leased_until < now()) AND p.work_due_at <= now()
        UNION
        -- A run wakes a branch without knowing of pull requests; whatever else changes its state wakes them itself (rows.py).
        SELECT p.org_id, p.id, now() FROM branch_deployment b
        JOIN pull_request p ON p.org_id = b.org_id AND p.deployment_id = b.deployment_id
        WHERE b.state = 'active' AND b.active_at > now() - interval '10 minutes'
            AND p.state = 'open' AND p.work_due_at IS NULL AND p.reported_state <> 'active'
    )
    SELECT org_id, id FROM due ORDER BY work_due_at LIMIT %(most)s
"""
_MOST = 500


def sweep() -> None:
    """Wake a task for every pull request that is due, and for those whose branch woke since the host was told."""
    PullRequest.objects.across_orgs(reason="pull requests about which something has to be done")
    for org_id, pull_request_id in recordsets.fetch(_DUE, {"most": _MOST}, using="door"):
        with org_scope(org_id):
            rows = PullRequest.objects.for_org(org_id).filter(id=pull_request_id, work_due_at=None)
            rows.update(work_due_at=Now())
        ids = {"org_id": str(org_id), "pull_request_id": str(pull_request_id)}
        background.wake_task(TASK, ids, expires=30)


def look_after(*, org_id: UUID, pull_request_id: UUID) -> None:
    """Do what is due for one pull request. Nothing happens when nothing is, or when somebody else is at it."""
    pull = claim(org_id, pull_request_id)
    if pull is None:
        return
    pause: datetime.timedelta | None = _SELDOM
    try:
        with org_scope(org_id):
            require_writable(org_id)
        pause = _work(pull)
    except OvertakenError:
        pause = datetime.timedelta(0)
    except AppError as error:
        pause = postpone(pull, error)
    except Exception as error:
        # A mistake of ours is seen by whoever watches the tasks; it does not come again every other second.
        pause = postpone(pull, error)
        raise
    finally:
        release(pull, pause)


def _work(pull: PullRequest) -> datetime.timedelta | None:
    """Bring it to where it should be, and tell the host; when to look again."""
    if pull.state != PullRequestState.OPEN:
        pause = _end(pull, f"Its pull request is {PullRequestState(pull.state).label.lower()}.")
        _tell(pull)
    else:
        delivery = Delivery(client_of(pull.repository.connection), pull)
        try:
            pause = _open(delivery)
            _tell(pull, delivery.host)
        finally:
            delivery.close()
    with org_scope(pull.org_id):
        mine(pull).update(failures=0)
    return pause


def _tell(pull: PullRequest, host: GitHost | None = None) -> None:
    """Tell the host; what is gone for us is told nothing."""
    if pull.state != PullRequestState.GONE:
        renew(pull)
        host = host or client_of(pull.repository.connection)
        tell_host(host, load(pull.org_id, pull.id), lambda: renew(pull))


def _open(delivery: Delivery) -> datetime.timedelta | None:
    pull = delivery.pull
    if delivery.is_still_wrong:
        return None
    try:
        wanted = delivery.settings()
        parent = delivery.parent()
    except (ProjectError, TooLargeError) as error:
        become(pull, DeliveryState.FAILED, error.message, done=True)
        return None
    refused = delivering.refusal(pull, wanted)
    if not refused and parent is None:
        refused = "Nobody has chosen a base deployment for this repository."
    if refused or parent is None:
        return _end(pull, refused)
    if not delivery.is_approved:
        delivering.hold(delivery, parent)
        return None
    if pull.delivered_sha == pull.head_sha and pull.delivery_state != DeliveryState.QUEUED:
        return _follow(pull)
    return _build(delivery, parent, wanted)


def _build(delivery: Delivery, parent: Deployment, wanted: BranchSettings) -> datetime.timedelta | None:
    pull = delivery.pull
    earlier = _closing(pull)
    if earlier is not None:
        return _wait(pull, earlier)
    begins = pull.delivery_state not in {DeliveryState.QUEUED, DeliveryState.BUILDING} and not pull.failures
    # What was told of a failure stays until it is known to be over.
    note = pull.delivery_note if pull.failures else ""
    become(pull, DeliveryState.BUILDING, note, phase=delivering.QUEUED if begins else "")
    if not delivering.has_project(delivery, wanted):
        become(pull, DeliveryState.NONE, "There is no Dagster project in it.", done=True)
        return None
    if not pull.failures:
        _tell(pull, delivery.host)
    renew(pull)
    try:
        delivering.deliver(delivery, parent, wanted)
    except StillClosingError:
        return _wait(pull, _closing(pull))
    except (ProjectError, TooLargeError) as error:
        become(pull, DeliveryState.FAILED, error.message, done=True)
        return None
    return _follow(pull)


def _closing(pull: PullRequest) -> UUID | None:
    """The branch deployment of an earlier life of it, while that has not ended."""
    with org_scope(pull.org_id):
        branch = find_branch(pull.org_id, delivering.facts_of(pull, GitFacts()))
    return branch.deployment_id if branch is not None and branch.state == BranchState.CLOSING else None


def _wait(pull: PullRequest, deployment_id: UUID | None) -> datetime.timedelta:
    """Its end wakes us."""
    note = "An earlier life of the branch deployment is still being closed."
    become(pull, DeliveryState.QUEUED, note, deployment_id)
    return _CLOSING


def _follow(pull: PullRequest) -> datetime.timedelta | None:
    """What was deployed loads, loaded, or ended by its time or by somebody's hand."""
    branch = _branch(pull)
    if branch is None and _never_had_one(pull):
        return None
    if branch is None or branch.state in {BranchState.CLOSING, BranchState.ARCHIVED}:
        return _ended(pull, branch)
    if pull.delivery_state not in _SETTLED:
        become(pull, DeliveryState.LOADING, "")
    if pull.delivery_state == DeliveryState.FAILED and pull.delivery_note:
        return None
    found = progress.of(pull.org_id, branch.deployment_id)
    if found.state != pull.delivery_state:
        become(pull, found.state, "", phase="loaded" if found.state == DeliveryState.READY else "")
    if found.state != DeliveryState.LOADING or branch.state != BranchState.ACTIVE:
        return None
    # Nobody seems to load it: that may last.
    waits = timezone.now().timestamp() - pull.phases.get("built", 0.0) > _SOON
    return _SELDOM if waits else _LOOK_AGAIN


def _never_had_one(pull: PullRequest) -> bool:
    """Whether it said already why nothing is deployed. Of any other, somebody deleted the branch deployment."""
    told = pull.delivery_state == DeliveryState.FAILED and bool(pull.delivery_note)
    return told or pull.delivery_state in {DeliveryState.NONE, DeliveryState.CLOSED}


def _end(pull: PullRequest, reason: str) -> datetime.timedelta | None:
    """There is, or is to be, no branch deployment. SECURITY: the end of a fork's needs nobody's approval."""
    branch = _branch(pull)
    # `done=False`: should it be wanted again, its head is deployed again.
    if branch is None:
        ended = pull.state != PullRequestState.OPEN and pull.delivery_state != DeliveryState.NONE
        become(pull, DeliveryState.CLOSED if ended else DeliveryState.NONE, reason, done=False)
        return None
    if _is_shared(pull):
        # It lives on, and is none of this one's business any more.
        with org_scope(pull.org_id):
            become(pull, DeliveryState.CLOSED, reason, done=False)
            mine(pull).update(deployment_id=None)
        pull.deployment_id = None
        return None
    become(pull, DeliveryState(pull.delivery_state), pull.delivery_note, done=False)
    closing.close(
        org_id=pull.org_id,
        deployment_id=branch.deployment_id,
        reason=reason,
        actor=actor_of(pull),
        pull_request_status=_STATUS.get(PullRequestState(pull.state), ""),
    )
    return _ended(pull, _branch(pull))


def _ended(pull: PullRequest, branch: BranchDeployment | None) -> datetime.timedelta | None:
    over = branch is None or branch.state == BranchState.ARCHIVED
    note = branch.close_reason if branch is not None else "The branch deployment was deleted."
    become(pull, DeliveryState.CLOSED if over else DeliveryState.CLOSING, note)
    return None if over else _LOOK_AGAIN


def _is_shared(pull: PullRequest) -> bool:
    """Whether the same pull request lives on through another connection to the repository."""
    with org_scope(pull.org_id):
        others = PullRequest.objects.for_org(pull.org_id).filter(deployment_id=pull.deployment_id).exclude(id=pull.id)
        return others.filter(state=PullRequestState.OPEN).exists()


def _branch(pull: PullRequest) -> BranchDeployment | None:
    with org_scope(pull.org_id):
        rows = BranchDeployment.objects.for_org(pull.org_id).select_related("deployment")
        return rows.filter(deployment_id=pull.deployment_id).first() if pull.deployment_id else None
