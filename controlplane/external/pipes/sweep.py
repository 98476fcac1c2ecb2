"""Sessions go with their runs: what ended, and was not closed by its step, is cleared away."""

import datetime
from collections import defaultdict
from uuid import UUID

from django.utils import timezone

from controlplane.external.models import PipesMessage, PipesSession
from controlplane.runs.models import Run
from controlplane.runs.states import ACTIVE
from tenants.scoping import org_scope

# A step may still read what came last.
_AFTER = datetime.timedelta(minutes=10)
_BITE = 1000


def sweep() -> None:
    """Delete the sessions, and the messages that nobody read, of runs that are over."""
    rows = PipesSession.objects.across_orgs(reason="clear away Pipes sessions of runs that are over")
    old = rows.filter(created_at__lt=timezone.now() - _AFTER).order_by("created_at")
    by_org: dict[UUID, list[UUID]] = defaultdict(list)
    for org_id, session_id in old.values_list("org_id", "id"):
        by_org[org_id].append(session_id)
    for org_id, ids in by_org.items():
        for start in range(0, len(ids), _BITE):
            _clear(org_id, ids[start : start + _BITE])


def _clear(org_id: UUID, ids: list[UUID]) -> None:
    with org_scope(org_id):
        found = list(PipesSession.objects.for_org(org_id).filter(id__in=ids).only("id", "run_id", "deployment_id"))
        active = Run.objects.for_org(org_id).filter(id__in={session.run_id for session in found}, status__in=ACTIVE)
        going = set(active.values_list("id", flat=True))
        over = [session for session in found if session.run_id not in going]
        for session in over:
            messages = PipesMessage.objects.for_org(org_id).filter(deployment_id=session.deployment_id)
            messages.filter(session_id=session.id).delete()
        PipesSession.objects.for_org(org_id).filter(id__in=[session.id for session in over]).delete()
