"""What a process outside of the run may do with the token of its session: fetch its context, send messages. Nothing else."""

from typing import Any
from uuid import UUID

import msgspec
from django.http import HttpRequest

from controlplane.core.threads import in_pool
from controlplane.dispatch.endpoints import agent_view
from controlplane.dispatch.errors import UnauthenticatedError
from controlplane.dispatch.threads import DELIVERIES
from controlplane.dispatch.wire import read_message
from controlplane.external.pipes import sessions
from controlplane.external.pipes.tokens import SessionClaims, read_session_token
from controlplane.runs.flow import require_flow
from tenants.access import Org, check_address
from tenants.addresses import client_address
from tenants.authentication import bearer_text
from tenants.errors import NotFoundError
from tenants.limits.models import QuotaName
from tenants.models import Organization
from tenants.scoping import org_scope


class Messages(msgspec.Struct, frozen=True):
    """Messages of Pipes, numbered from `first` on, without a gap."""

    first: int
    messages: list[Any]


@agent_view("POST")
async def messages(request: HttpRequest, session_id: UUID) -> dict[str, int]:
    """Store messages, each once: `{"stored": <the highest number without a gap>}`."""
    return await in_pool(DELIVERIES, _messages, request, session_id)


@agent_view("GET")
async def context(request: HttpRequest, session_id: UUID) -> dict[str, Any]:
    """What the step gave to begin with: `{"context": …}`."""
    return await in_pool(DELIVERIES, _context, request, session_id)


def _messages(request: HttpRequest, session_id: UUID) -> dict[str, int]:
    claims = _authenticated(request, session_id)
    sent = read_message(request, Messages)
    require_flow(claims.org_id, QuotaName.EVENTS_PER_SECOND, len(sent.messages))
    stored = sessions.store_messages(
        org_id=claims.org_id, session_id=claims.session_id, first=max(1, sent.first), messages=sent.messages
    )
    return {"stored": stored}


def _context(request: HttpRequest, session_id: UUID) -> dict[str, Any]:
    claims = _authenticated(request, session_id)
    with org_scope(claims.org_id):
        return {"context": sessions.live_session(claims.org_id, claims.session_id).context}


def _authenticated(request: HttpRequest, session_id: UUID) -> SessionClaims:
    """Whose session this is; UnauthenticatedError for a token that is not of it, or whose session is over."""
    claims = read_session_token(bearer_text(request.headers.get("Authorization", "")) or "")
    if claims is None or claims.session_id != session_id:
        raise UnauthenticatedError("Send the token of this Pipes session: Authorization: Bearer <token>.")
    organization = Organization.objects.defer("logo").filter(id=claims.org_id).first()
    if organization is None:
        raise UnauthenticatedError
    check_address(Org.of(organization), client_address(request))
    try:
        with org_scope(claims.org_id):
            sessions.live_session(claims.org_id, session_id)
    except NotFoundError as error:
        # SECURITY: a token that outlived its run is as good as none.
        raise UnauthenticatedError(error.message) from error
    return claims
