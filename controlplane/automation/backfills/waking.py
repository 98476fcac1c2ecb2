"""What makes a backfill go on: a beat of the clock claims those that are due, a process of the evaluator looks at each.

A backfill that somebody changed is due at once; one that runs is due again a little later, whatever dies meanwhile.
"""

import datetime

from django.db.models import F
from django.db.models.functions import Now

from controlplane.automation.models import OPEN_BACKFILLS, Backfill
from controlplane.core.background import enqueue, wake_task
from tenants.models import Organization, OrganizationState
from tenants.scoping import org_scope

TASK = "evaluator.advance_backfill"
# A look that takes longer than this was lost with its process.
_LOST_AFTER = datetime.timedelta(seconds=30)
_CLAIMED_AT_ONCE = 200


def wake(backfill: Backfill) -> None:
    """Look at it once the caller's transaction commits."""
    enqueue(TASK, org_id=backfill.org_id, backfill_id=backfill.id)


def beat() -> bool:
    """Wake the backfills that are due; whether more may be."""
    rows = Backfill.objects.across_orgs(reason="find backfills that are due")
    # In an organization that is not active they wait, and go on once it is.
    active = Organization.objects.filter(state=OrganizationState.ACTIVE)
    due = rows.filter(status__in=OPEN_BACKFILLS, next_due_at__lte=Now(), org_id__in=active.values("id")).order_by(
        F("next_due_at")
    )
    found = list(due.values_list("org_id", "id")[:_CLAIMED_AT_ONCE])
    for org_id, backfill_id in found:
        with org_scope(org_id):
            mine = Backfill.objects.for_org(org_id).filter(id=backfill_id, next_due_at__lte=Now())
            claimed = mine.update(next_due_at=Now() + _LOST_AFTER)
        if claimed:
            ids = {"org_id": str(org_id), "backfill_id": str(backfill_id)}
            # Without an evaluator the queue must not grow.
            wake_task(TASK, ids, expires=_LOST_AFTER.total_seconds())
    return len(found) == _CLAIMED_AT_ONCE
