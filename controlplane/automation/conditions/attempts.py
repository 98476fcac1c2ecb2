"""Evaluations that do not end well: what fails, hangs or takes its process along is told in the deployment's state, and waits.

An evaluation holds a lease that it renews while it goes on; its process is ended after LIMIT_SECONDS. Who finds a lease that ran out,
of an evaluation that had begun, knows that it was stopped.
"""

import datetime
from uuid import UUID

import structlog
from django.db.models import QuerySet
from django.db.models.functions import Now

from controlplane.automation.models import ConditionEvaluator
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

# How long an evaluation may be waited for, or may say nothing, before another one is asked for.
LEASE = datetime.timedelta(seconds=60)
# One evaluation, after which its process is ended. Less than Celery's visibility timeout.
LIMIT_SECONDS = 240
# One that failed is left alone for this many times as long as it took: a hostile one has a tenth of a process at most.
PATIENCE = 10
PAUSE_MIN, PAUSE_MAX = datetime.timedelta(seconds=30), datetime.timedelta(hours=1)
_STOPPED = (
    "The evaluation of {began:%Y-%m-%d %H:%M:%S} UTC was stopped: it took longer than {limit} s, or its process died, perhaps for want of "
    "memory. Simpler conditions, or fewer partitions, take less."
)
_ERROR_CHARS = 2000


def renew(org_id: UUID, deployment_id: UUID) -> None:
    """The evaluation that has begun is still under way."""
    with org_scope(org_id):
        begun = _rows(org_id, deployment_id).filter(began_at__isnull=False, is_paused=False)
        begun.update(lease_until=Now() + LEASE)


def release(org_id: UUID, deployment_id: UUID, *, number: int) -> None:
    """The evaluation of this number is over, and its runs are launched: the next may come."""
    with org_scope(org_id):
        _rows(org_id, deployment_id).filter(number=number, began_at=None).update(lease_until=None)


def give_up(org_id: UUID, deployment_id: UUID) -> bool:
    """Say of an evaluation whose lease ran out that it was stopped; whether the deployment is to be left alone now for that.

    Call it inside org_scope. Nothing happens when there is none.
    """
    lost = _rows(org_id, deployment_id).filter(began_at__isnull=False).exclude(lease_until__gt=Now())
    row = lost.select_for_update(no_key=True).first()
    if row is None:
        return False
    assert row.began_at is not None, "it was asked for"
    # Once is a restart of the installation, most often.
    pause = min(PATIENCE * datetime.timedelta(seconds=LIMIT_SECONDS), PAUSE_MAX) if row.stopped else None
    message = _STOPPED.format(began=row.began_at.astimezone(datetime.UTC), limit=LIMIT_SECONDS)
    log.warning("conditions.stopped", deployment=str(deployment_id), times=row.stopped + 1)
    _wait(lost, row, message, pause)
    return pause is not None


def failed(org_id: UUID, deployment_id: UUID, error: Exception, *, seconds: float) -> None:
    """Say that the evaluation that had begun failed after `seconds`; nothing of it was stored."""
    log.warning("conditions.failed", deployment=str(deployment_id), error=str(error)[:500], seconds=round(seconds, 3))
    pause = min(max(PATIENCE * datetime.timedelta(seconds=seconds), PAUSE_MIN), PAUSE_MAX)
    message = f"The conditions could not be evaluated: {str(error)[:_ERROR_CHARS] or type(error).__name__}"
    with org_scope(org_id):
        begun = _rows(org_id, deployment_id).filter(began_at__isnull=False)
        row = begun.select_for_update(no_key=True).first()
        if row is not None:
            _wait(begun, row, message, pause)


def _wait(
    rows: QuerySet[ConditionEvaluator], row: ConditionEvaluator, message: str, pause: datetime.timedelta | None
) -> None:
    rows.update(
        began_at=None,
        lease_until=None,
        stopped=row.stopped + 1,
        retry_at=Now() + pause if pause else None,
        error={**(row.error or {}), "evaluation": message},
    )


def _rows(org_id: UUID, deployment_id: UUID) -> QuerySet[ConditionEvaluator]:
    return ConditionEvaluator.objects.for_org(org_id).filter(deployment_id=deployment_id)
