"""Who looks after a pull request just now. A lease that was not renewed is over, and another worker goes on.

`leased_until` of the row that somebody was given is what tells whose the lease is. All times are of the database's clock: workers whose
clocks differ agree about who was first.
"""

import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from controlplane.delivery.models import PullRequest
from tenants.errors import AppError
from tenants.scoping import org_scope


class OvertakenError(AppError):
    """Something newer came in meanwhile: a push, a close, another worker. Whoever looks next does what is right then."""

    code = "overtaken"
    status = 409


def claim(org_id: UUID, pull_request_id: UUID) -> PullRequest | None:
    """The pull request, to be looked after by us alone; None when nothing is due, or somebody is at it."""
    with org_scope(org_id):
        due = PullRequest.objects.for_org(org_id).filter(id=pull_request_id, work_due_at__lte=Now())
        free = due.filter(Q(leased_until=None) | Q(leased_until__lt=Now()))
        return load(org_id, pull_request_id) if free.update(leased_until=_end(), work_due_at=_end()) else None


def renew(pull: PullRequest) -> None:
    """Keep it for a whole lease more. OvertakenError when it is not ours any more: nothing may be done to it then."""
    with org_scope(pull.org_id):
        due = Case(When(work_due_at=pull.leased_until, then=_end()), default=F("work_due_at"))
        if not mine(pull).update(leased_until=_end(), work_due_at=due):
            raise OvertakenError
        rows = PullRequest.objects.for_org(pull.org_id).filter(id=pull.id)
        pull.leased_until = rows.values_list("leased_until", flat=True).get()


def release(pull: PullRequest, pause: datetime.timedelta | None) -> None:
    """Give it back, to be looked at after the pause; None for when something happens. What happened meanwhile is looked at now."""
    again = None if pause is None else Now() + pause
    due = Case(When(work_due_at=pull.leased_until, then=again), default=F("work_due_at"))
    with org_scope(pull.org_id):
        mine(pull).update(leased_until=None, work_due_at=due)


def mine(pull: PullRequest) -> QuerySet[PullRequest]:
    """Its row, none when somebody else looks after it by now. Call it inside org_scope."""
    return PullRequest.objects.for_org(pull.org_id).filter(id=pull.id, leased_until=pull.leased_until)


def load(org_id: UUID, pull_request_id: UUID) -> PullRequest:
    """As it is stored now, with its repository and connection."""
    with org_scope(org_id):
        rows = PullRequest.objects.for_org(org_id).select_related("repository", "repository__connection")
        return rows.get(id=pull_request_id)


def _end() -> CombinedExpression:
    return Now() + datetime.timedelta(seconds=settings.DELIVERY_LEASE_SECONDS)
