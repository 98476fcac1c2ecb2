"""Looking after pull requests: whatever changed, this brings what is deployed, and what the host was told, to where it should be.

Work is claimed from the database: `work_due_at` says when, `leased_until` keeps others away meanwhile, and what is killed anywhere is
done again. Celery only wakes.
"""

import datetime
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Case, F, Q, When
from django.db.models.functions import Now
from django.utils import timezone

from controlplane.core import background, recordsets
from controlplane.delivery.branches import closing, progress
from controlplane.delivery.connections.clients import client_of
from controlplane.delivery.hosts.base import GitHost, HostUnavailableError
from controlplane.delivery.models import DeliveryState, PullRequest, PullRequestState
from controlplane.delivery.project.problems import ProjectError
from controlplane.delivery.pull_requests import delivering
from controlplane.delivery.pull_requests.branch_file import BranchSettings
from controlplane.delivery.pull_requests.delivering import Delivery, OvertakenError, StillClosingError, actor_of, become
from controlplane.delivery.reporting.sending import tell_host
from controlplane.deployments.models import BranchDeployment, BranchState, Deployment, PullRequestStatus
from tenants.errors import AppError, TooLargeError
from tenants.organizations import require_writable
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

TASK = "delivery.look_after_pull_request"
_LOOK_AGAIN, _SELDOM = datetime.timedelta(seconds=2), datetime.timedelta(seconds=20)
# Seconds within which what was deployed has usually loaded.
_SOON = 120.0
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 900.0
_SETTLED = frozenset({DeliveryState.LOADING, DeliveryState.READY, DeliveryState.FAILED, DeliveryState.NONE})
_STATUS = {
    PullRequestState.CLOSED: PullRequestStatus.CLOSED,
    PullRequestState.MERGED: PullRequestStatus.MERGED,
    PullRequestState.GONE: PullRequestStatus.CLOSED,
}
_DUE = """
    SELECT p.org_id, p.id FROM pull_request p
    WHERE (p.leased_until IS NULL OR p.leased_until < now()) AND p.work_due_at <= now()
    UNION
    -- A run wakes a branch without knowing of pull requests; whatever else changes its state wakes them itself (rows.py).
    SELECT p.org_id, p.id FROM branch_deployment b
    JOIN pull_request p ON p.org_id = b.org_id AND p.deployment_id = b.deployment_id
    WHERE b.state = 'active' AND b.active_at > now() - interval '10 minutes'
        AND p.state = 'open' AND p.work_due_at IS NULL AND p.reported_state <> 'active'
    LIMIT 500
"""


@dataclass(frozen=True)
class Lease:
    """A pull request that is ours until `until`. `due`: what its due time was set to meanwhile."""

    org_id: UUID
    pull_request_id: UUID
    until: datetime.datetime


def sweep() -> None:
    """Wake a task for every pull request that is due, and for those whose branch woke since the host was told."""
    PullRequest.objects.across_orgs(reason="pull requests about which something has to be done")
    for org_id, pull_request_id in recordsets.fetch(_DUE, using="door"):
        with org_scope(org_id):
            rows = PullRequest.objects.for_org(org_id).filter(id=pull_request_id, work_due_at=None)
            rows.update(work_due_at=Now())
        ids = {"org_id": str(org_id), "pull_request_id": str(pull_request_id)}
        background.wake_task(TASK, ids, expires=30)


def look_after(*, org_id: UUID, pull_request_id: UUID) -> None:
    """Do what is due for one pull request. Nothing happens when nothing is, or when somebody else is at it."""
    lease = _claim(org_id, pull_request_id)
    if lease is None:
        return
    pause: datetime.timedelta | None = _LOOK_AGAIN
    try:
        with org_scope(org_id):
            require_writable(org_id)
        pause = _work(load(org_id, pull_request_id))
    except OvertakenError:
        pause = datetime.timedelta(0)
    except AppError as error:
        pause = _note_failure(org_id, pull_request_id, error)
    finally:
        _release(lease, pause)


def _claim(org_id: UUID, pull_request_id: UUID) -> Lease | None:
    until = timezone.now() + datetime.timedelta(seconds=settings.DELIVERY_LEASE_SECONDS)
    with org_scope(org_id):
        rows = PullRequest.objects.for_org(org_id).filter(id=pull_request_id, work_due_at__lte=Now())
        free = rows.filter(Q(leased_until=None) | Q(leased_until__lt=Now()))
        return Lease(org_id, pull_request_id, until) if free.update(leased_until=until, work_due_at=until) else None


def _release(lease: Lease, pause: datetime.timedelta | None) -> None:
    """Give it back, to be looked at after the pause; None for when something happens. What happened meanwhile is looked at now."""
    again = None if pause is None else timezone.now() + pause
    with org_scope(lease.org_id):
        rows = PullRequest.objects.for_org(lease.org_id).filter(id=lease.pull_request_id, leased_until=lease.until)
        rows.update(
            leased_until=None, work_due_at=Case(When(work_due_at=lease.until, then=again), default=F("work_due_at"))
        )


def load(org_id: UUID, pull_request_id: UUID) -> PullRequest:
    """With its repository and connection."""
    with org_scope(org_id):
        rows = PullRequest.objects.for_org(org_id).select_related("repository", "repository__connection")
        return rows.get(id=pull_request_id)


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
        PullRequest.objects.for_org(pull.org_id).filter(id=pull.id).update(failures=0)
    return pause


def _tell(pull: PullRequest, host: GitHost | None = None) -> None:
    """Tell the host; what is gone for us is told nothing."""
    if pull.state != PullRequestState.GONE:
        tell_host(host or client_of(pull.repository.connection), load(pull.org_id, pull.id))


def _open(delivery: Delivery) -> datetime.timedelta | None:
    pull = delivery.pull
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
    if pull.delivery_state not in {DeliveryState.QUEUED, DeliveryState.BUILDING}:
        pull.phases = {"queued": timezone.now().timestamp()}
    become(pull, DeliveryState.BUILDING, "")
    if not delivering.has_project(delivery, wanted):
        become(pull, DeliveryState.NONE, "There is no Dagster project in it.", done=True)
        return None
    tell_host(delivery.host, load(pull.org_id, pull.id))
    try:
        delivering.deliver(delivery, parent, wanted)
    except StillClosingError:
        become(pull, DeliveryState.QUEUED, "An earlier life of the branch deployment is still being closed.")
        return _LOOK_AGAIN
    except (ProjectError, TooLargeError) as error:
        become(pull, DeliveryState.FAILED, error.message, done=True)
        return None
    return _follow(pull)


def _follow(pull: PullRequest) -> datetime.timedelta | None:
    """What was deployed loads, loaded, or ended by its time or by somebody's hand."""
    branch = _branch(pull)
    if branch is None or branch.state in {BranchState.CLOSING, BranchState.ARCHIVED}:
        if pull.deployment_id is None and pull.delivery_state not in {DeliveryState.CLOSED, DeliveryState.CLOSING}:
            return None
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


def _end(pull: PullRequest, reason: str) -> datetime.timedelta | None:
    """There is, or is to be, no branch deployment. SECURITY: the end of a fork's needs nobody's approval."""
    branch = _branch(pull)
    # Should it be wanted again, its head is deployed again.
    pull.delivered_sha = ""
    if branch is None:
        ended = pull.state != PullRequestState.OPEN and pull.delivery_state != DeliveryState.NONE
        become(pull, DeliveryState.CLOSED if ended else DeliveryState.NONE, reason)
        return None
    if not _is_shared(pull):
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
    note = branch.close_reason if branch is not None else pull.delivery_note
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


def _note_failure(org_id: UUID, pull_request_id: UUID, error: AppError) -> datetime.timedelta:
    """Show why it does not go on, and wait: longer each time, and at least as long as the host asks for."""
    with org_scope(org_id):
        rows = PullRequest.objects.for_org(org_id).filter(id=pull_request_id)
        rows.update(failures=F("failures") + 1, report_error=error.message[:500])
        rows.filter(delivery_state=DeliveryState.BUILDING).update(
            delivery_state=DeliveryState.QUEUED, delivery_note=error.message
        )
        failures = rows.values_list("failures", flat=True)[0]
    asked = error.retry_after if isinstance(error, HostUnavailableError) and error.retry_after else 0.0
    log.warning("pull_request.postponed", org=str(org_id), pull_request=str(pull_request_id), error=error.message)
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(failures - 1, 20))
    return datetime.timedelta(seconds=max(pause, asked))
