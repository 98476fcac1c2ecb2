"""Sessions of Pipes over HTTP and their messages: in with numbers, each once and in order; out to the step, which deletes what it has.

A step opens a session through its agent and hands address and token to a process elsewhere. Messages wait here until the step reads
them; reading on from a number deletes everything up to it. A session is alive while the attempt of its run is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import F, QuerySet, Sum
from django.db.models.functions import Now

from controlplane.core import recordsets
from controlplane.external.models import PipesMessage, PipesSession
from controlplane.runs.models import Run
from controlplane.runs.states import TERMINAL
from tenants.errors import InvalidError, NotFoundError, TooLargeError, TooManyError
from tenants.scoping import org_scope

# Of one run, so that a loop does not fill the table.
SESSIONS_MAX = 1000
# dagster's own bound for an event is about that.
MESSAGE_BYTES = 1024 * 1024
MESSAGES_MAX = 1000
CONTEXT_BYTES = 1024 * 1024
# What may wait to be read; who sends more waits.
WAITING_BYTES = 64 * 1024 * 1024
# The same of all sessions of a run, and of an organization: give or take what is sent in the same moment.
RUN_WAITING_BYTES = 256 * 1024 * 1024
ORG_WAITING_BYTES = 2 * 1024**3
# All that one session may ever send.
SESSION_BYTES = 4 * 1024**3
# Answers of reads travel through the agent.
_READ_BYTES = 2 * 1024 * 1024
_READ_MESSAGES = 500
# Seconds until a sender tries again when too much waits.
_WAIT_SECONDS = 1.0

_METHODS = frozenset(
    {
        "opened",
        "closed",
        "log",
        "log_external_stream",
        "report_asset_materialization",
        "report_asset_check",
        "report_custom_message",
    }
)
_ADD = """
    INSERT INTO pipes_message (org_id, deployment_id, session_id, number, body, size)
    SELECT o.org_id, o.deployment_id, o.session_id, d.number, d.body, d.size
    FROM jsonb_to_recordset(%s::jsonb) AS d(number bigint, body jsonb, size int),
         (SELECT %s::uuid AS org_id, %s::uuid AS deployment_id, %s::uuid AS session_id) o
"""


@dataclass(frozen=True)
class Unread:
    """A page of messages by number; `is_closed` when no more can come."""

    messages: list[tuple[int, Any]]
    is_closed: bool


def open_session(*, org_id: UUID, run_id: UUID, context: dict[str, Any] | None) -> PipesSession:
    """A session of the attempt that the run is in. Call it inside org_scope. InvalidError for a context that is too large."""
    if context is not None and len(msgspec.json.encode(context)) > CONTEXT_BYTES:
        raise InvalidError(f"The context of a Pipes session has at most {CONTEXT_BYTES} bytes.", attr="context")
    run = Run.objects.for_org(org_id).only("deployment_id", "attempt", "epoch").get(id=run_id)
    if PipesSession.objects.for_org(org_id).filter(run_id=run_id).count() >= SESSIONS_MAX:
        raise TooManyError(f"A run has at most {SESSIONS_MAX} Pipes sessions.")
    return PipesSession.objects.create_in(
        org_id,
        deployment_id=run.deployment_id,
        run_id=run_id,
        attempt=run.attempt,
        epoch=run.epoch,
        context=context,
    )


def live_session(org_id: UUID, session_id: UUID, *, lock: bool = False) -> PipesSession:
    """A session whose token is good. Call it inside org_scope. NotFoundError when it was closed, or its attempt is over."""
    rows = PipesSession.objects.for_org(org_id).filter(id=session_id, closed_at__isnull=True)
    session = (rows.select_for_update(no_key=True) if lock else rows).first()
    if session is None or not _is_under_way(session):
        raise NotFoundError(ENDED)
    return session


def _is_under_way(session: PipesSession) -> bool:
    """Whether the attempt that opened it still runs."""
    runs = Run.objects.for_org(session.org_id).filter(id=session.run_id)
    run = runs.only("status", "attempt", "epoch").first()
    if run is None or run.status in TERMINAL:
        return False
    return (run.attempt, run.epoch) == (session.attempt, session.epoch)


ENDED = "This Pipes session is over: the step that opened it has ended. What is sent now is not recorded."


def store_messages(*, org_id: UUID, session_id: UUID, first: int, messages: Sequence[Any]) -> int:
    """Store messages numbered from `first` on; answers the highest number without a gap, from which the sender goes on.

    What was stored before is passed over. NotFoundError for a session that is over, TooManyError while too much waits to be read,
    TooLargeError above the bounds, InvalidError for what is no message of Pipes.
    """
    if len(messages) > MESSAGES_MAX:
        raise TooLargeError(f"{MESSAGES_MAX} messages are sent at once; these are {len(messages)}.")
    with org_scope(org_id):
        session = live_session(org_id, session_id, lock=True)
        if first > session.last_number + 1:
            return session.last_number
        new = messages[session.last_number + 1 - first :]
        if not new:
            return session.last_number
        rows = [_row(session.last_number + 1 + place, message) for place, message in enumerate(new)]
        size = sum(row["size"] for row in rows)
        _require_room(session, size)
        recordsets.execute(_ADD, [recordsets.rows(rows), org_id, session.deployment_id, session.id])
        last = session.last_number + len(rows)
        _rows(session).update(last_number=last, bytes_stored=session.bytes_stored + size)
        return last


def _require_room(session: PipesSession, size: int) -> None:
    if session.bytes_stored + size > SESSION_BYTES:
        raise TooLargeError(f"A Pipes session takes {SESSION_BYTES} bytes in all. Open another, or write less.")
    waiting = session.bytes_stored - session.bytes_read
    if not waiting:
        # Every step goes on, message by message, however much waits elsewhere.
        return
    of_org = PipesSession.objects.for_org(session.org_id).filter(closed_at__isnull=True)
    if (
        waiting + size > WAITING_BYTES
        or _waiting(of_org.filter(run_id=session.run_id)) + size > RUN_WAITING_BYTES
        or _waiting(of_org) + size > ORG_WAITING_BYTES
    ):
        raise TooManyError(
            "Messages wait that the step has not read yet. Send these again in a moment.", retry_after=_WAIT_SECONDS
        )


def _waiting(sessions: QuerySet[PipesSession]) -> int:
    return sessions.aggregate(bytes=Sum(F("bytes_stored") - F("bytes_read")))["bytes"] or 0


def _row(number: int, message: Any) -> dict[str, Any]:
    if not isinstance(message, dict) or message.get("method") not in _METHODS:
        raise InvalidError(
            f"Message {number} is none of dagster Pipes: it has no method that is known.", attr="messages"
        )
    size = len(msgspec.json.encode(message))
    if size > MESSAGE_BYTES:
        raise TooLargeError(f"Message {number} has {size} bytes; a message has at most {MESSAGE_BYTES}.")
    return {"number": number, "body": message, "size": size}


def read_messages(*, org_id: UUID, run_id: UUID, session_id: UUID, after: int) -> Unread:
    """Messages behind a number; those up to it are deleted. Call it inside org_scope. NotFoundError for a session of another run."""
    session = _session_of_run(org_id, run_id, session_id)
    waiting = PipesMessage.objects.for_org(org_id).filter(deployment_id=session.deployment_id, session_id=session.id)
    if after > session.read_number:
        done = waiting.filter(number__lte=after)
        read = sum(done.values_list("size", flat=True))
        done.delete()
        _rows(session).update(read_number=after, bytes_read=session.bytes_read + read)
    found = list(
        waiting.filter(number__gt=after).order_by("number").values_list("number", "body", "size")[:_READ_MESSAGES]
    )
    page, total = list[tuple[int, Any]](), 0
    for number, body, size in found:
        total += size
        if page and total > _READ_BYTES:
            break
        page.append((number, body))
    return Unread(page, session.closed_at is not None)


def close_session(*, org_id: UUID, run_id: UUID, session_id: UUID) -> None:
    """Its token is good for nothing more, and what nobody read is gone. Call it inside org_scope."""
    session = _session_of_run(org_id, run_id, session_id)
    _rows(session).update(closed_at=Now(), context=None)
    PipesMessage.objects.for_org(org_id).filter(deployment_id=session.deployment_id, session_id=session.id).delete()


def _session_of_run(org_id: UUID, run_id: UUID, session_id: UUID) -> PipesSession:
    rows = PipesSession.objects.for_org(org_id).select_for_update(no_key=True)
    session = rows.filter(run_id=run_id, id=session_id).first()
    if session is None:
        raise NotFoundError("This run has no such Pipes session.")
    return session


def _rows(session: PipesSession) -> Any:
    return PipesSession.objects.for_org(session.org_id).filter(id=session.id)
