"""Delivering the audit log to its streams: each in order, at least once, with patience for receivers that fail.

Who delivers claims the stream for a while, so that one process works on it; a claim whose holder died runs out. The position moves
only behind what the receiver took, and only from where this delivery began.
"""

import datetime
import random
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Now

from controlplane.audit_log.models import AuditStream
from controlplane.audit_log.services import receiver_of
from controlplane.core.background import enqueue
from tenants.audit import documents
from tenants.audit.models import AuditSeal
from tenants.audit.selectors import sealed_after
from tenants.errors import AppError
from tenants.models import Organization
from tenants.scoping import org_scope

log = structlog.get_logger(__name__)

# Events of one request; a few hundred kilobytes at most times.
BATCH = 200
# Longer than the slowest batch (receivers.py gives up after 15 s).
_CLAIM = datetime.timedelta(seconds=60)
# One task does not hold its worker longer than this many batches; the next sweep goes on.
_BATCHES = 25
_FIRST_PAUSE, _LONGEST_PAUSE = 5.0, 900.0


@dataclass(frozen=True)
class Delivered:
    """How many events a delivery brought, and what stopped it."""

    events: int
    problem: str = ""


def wake_due_streams() -> None:
    """Wake a task for each stream that is due."""
    for org_id, stream_id in due_streams():
        enqueue("audit_log.deliver_stream", org_id=org_id, stream_id=stream_id)


def due_streams() -> list[tuple[UUID, UUID]]:
    """Streams of whatever organization that are behind their log and may be tried now: (organization, stream)."""
    ahead = AuditSeal.objects.across_orgs(reason="which audit streams are behind").filter(
        org_id=OuterRef("org_id"), number__gt=OuterRef("position")
    )
    due = AuditStream.objects.across_orgs(reason="which audit streams are behind").filter(
        Exists(ahead), is_paused=False, next_attempt_at__lte=Now()
    )
    return list(due.values_list("org_id", "id"))


def deliver_stream(org_id: UUID, stream_id: UUID) -> Delivered:
    """Bring a stream up to its log, as far as its receiver takes it. Does nothing for one that is paused, waits, or is being served."""
    delivered = 0
    for _ in range(_BATCHES):
        stream = _claimed(org_id, stream_id)
        if stream is None:
            return Delivered(delivered)
        try:
            count = _deliver_batch(stream)
        except AppError as error:
            _note_failure(stream, error.message)
            return Delivered(delivered, error.message)
        delivered += count
        if count < BATCH:
            break
    return Delivered(delivered)


def _claimed(org_id: UUID, stream_id: UUID) -> AuditStream | None:
    with org_scope(org_id):
        rows = AuditStream.objects.for_org(org_id).filter(id=stream_id)
        if rows.filter(is_paused=False, next_attempt_at__lte=Now()).update(next_attempt_at=Now() + _CLAIM) != 1:
            return None
        return rows.first()


def _deliver_batch(stream: AuditStream) -> int:
    """Give the receiver what comes next; returns how many events that was."""
    known = documents.named_places(stream.org_id)
    with org_scope(stream.org_id):
        events = sealed_after(stream.org_id, stream.position, limit=BATCH)
    if events:
        organization = Organization.objects.values_list("slug", flat=True).get(id=stream.org_id)
        receiver_of(stream, organization=organization).take([documents.document(event, known) for event in events])
    _note_success(stream, position=events[-1].number if events else stream.position)  # type: ignore[attr-defined]  # sealed_after's
    return len(events)


def _note_success(stream: AuditStream, *, position: int) -> None:
    with org_scope(stream.org_id):
        rows = AuditStream.objects.for_org(stream.org_id).filter(id=stream.id, position=stream.position)
        if position == stream.position:
            rows.update(next_attempt_at=Now())
            return
        rows.update(
            position=position,
            last_delivered_at=Now(),
            failures=0,
            failing_since=None,
            last_error="",
            next_attempt_at=Now(),
        )


def _note_failure(stream: AuditStream, problem: str) -> None:
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(stream.failures, 20))
    # Spread, so that streams that failed together do not come back together.
    wait = datetime.timedelta(seconds=pause * random.uniform(0.75, 1.25))  # noqa: S311 - no secret
    with org_scope(stream.org_id):
        rows = AuditStream.objects.for_org(stream.org_id).filter(id=stream.id)
        rows.filter(failing_since=None).update(failing_since=Now())
        rows.update(failures=F("failures") + 1, last_error=problem[:500], next_attempt_at=Now() + wait)
    log.warning("audit_stream.failed", org=str(stream.org_id), stream=str(stream.id), failures=stream.failures + 1)
