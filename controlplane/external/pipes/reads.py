"""What a step asks about its Pipes sessions, through its agent: docs/code-worker.md, Reads."""

from typing import Any
from uuid import UUID

from django.conf import settings

from controlplane.external.pipes import sessions
from controlplane.external.pipes.tokens import SessionClaims, issue_session_token
from controlplane.runs.instance_scope import Arguments, Scope
from controlplane.runs.instance_view import Method
from tenants.errors import InvalidError


class PipesOpen(Arguments, frozen=True):
    context: dict[str, Any] | None = None


class PipesRead(Arguments, frozen=True):
    session_id: UUID
    after: int = 0


class PipesClose(Arguments, frozen=True):
    session_id: UUID


def pipes_open(scope: Scope, args: PipesOpen) -> dict[str, str]:
    session = sessions.open_session(org_id=scope.org_id, run_id=_run(scope), context=args.context)
    token = issue_session_token(SessionClaims(org_id=scope.org_id, session_id=session.id))
    address = f"{settings.PUBLIC_URL}/pipes/v1/sessions/{session.id}"
    return {"session_id": str(session.id), "url": address, "token": token}


def pipes_read(scope: Scope, args: PipesRead) -> dict[str, Any]:
    unread = sessions.read_messages(
        org_id=scope.org_id, run_id=_run(scope), session_id=args.session_id, after=args.after
    )
    return {"messages": [list(message) for message in unread.messages], "closed": unread.is_closed}


def pipes_close(scope: Scope, args: PipesClose) -> None:
    sessions.close_session(org_id=scope.org_id, run_id=_run(scope), session_id=args.session_id)


def _run(scope: Scope) -> UUID:
    if scope.run_id is None:
        raise InvalidError("A Pipes session belongs to a run; this is none.")
    return scope.run_id


METHODS: dict[str, Method] = {
    "pipes_open": (PipesOpen, pipes_open),
    "pipes_read": (PipesRead, pipes_read),
    "pipes_close": (PipesClose, pipes_close),
}
